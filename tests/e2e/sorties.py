"""All that the platform lets out beside its answers: logs, spans, metrics, and what goes with the records of Kafka."""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from kit.http import open_client
from tests.e2e.running import Up

_METRICS = ("PASSERELLE_PORT", "IDENTITY_PORT", "OFFRE_PORT", "ELEVES_PORT", "PILOTAGE_PORT", "RAPPORTS_PORT")


async def collect(up: Up) -> dict[str, str]:
    """The texts of each place: those of spans, of logs (which would hold a URL that was asked for) and of metrics,
    without numbers, dates and durations, in which anything may be found by chance; keys and headers of Kafka.
    """
    texts = {path.name: _read_log(path.read_text(errors="replace")) for path in sorted(up.logs.glob("*.log"))}
    async with open_client(timeout=20) as client:
        traces = await client.get(f"{up.url('PORT_ZIPKIN')}/api/v2/traces", params={"limit": 3000})
        texts["spans"] = "\n".join(_strings(traces.json()))
        for port in _METRICS:
            lines = (await client.get(f"{up.url(port)}/metrics")).text.splitlines()
            texts[f"metrics of {port}"] = "\n".join(line.rpartition(" ")[0] for line in lines)
    records = [record async for record in read_records(f"127.0.0.1:{up.ports['PORT_KAFKA']}")]
    texts["Kafka keys"] = "\n".join(_decode(record.key) for record in records)
    texts["Kafka headers"] = "\n".join(
        f"{name}: {_decode(value)}" for record in records for name, value in record.headers if name != "ce_time"
    )
    return texts


def find_words(words: Iterable[str], text: str) -> set[str]:
    """Those of the words that are in the text, in any case, and not as a part of a longer word."""
    alternatives = "|".join(sorted(re.escape(word.casefold()) for word in words))
    return set(re.findall(rf"(?<![^\W\d_])(?:{alternatives})(?![^\W\d_])", text.casefold()))


def find_codes(codes: Iterable[str], text: str) -> set[str]:
    """Those of the codes that stand alone in the text: as a part of an identifier, six digits are met by chance."""
    return {code for code in codes if re.search(rf"(?<![^\W_]){code}(?![^\W_])", text)}


async def read_records(servers: str) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """Every record of every topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    names = [name for name in await admin.list_topics() if not name.startswith("__")]
    described = await admin.describe_topics(names)
    await admin.close()
    partitions = [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]
    async with AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while [p for p in partitions if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    yield record


def _read_log(text: str) -> str:
    """What is said, without when: a line of JSON, or of what is not ours."""
    return "\n".join(said for line in text.splitlines() for said in _read_line(line))


def _read_line(line: str) -> Iterator[str]:
    try:
        fields = json.loads(line)
    except ValueError:
        yield line
        return
    if isinstance(fields, dict):
        fields.pop("timestamp", None)
    yield from _strings(fields)


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, held in value.items():
                yield str(key)
                yield from _strings(held)
        case list():
            for held in value:
                yield from _strings(held)


def _decode(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
