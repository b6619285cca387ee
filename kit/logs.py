"""Logs: one JSON object a line, with the trace it belongs to. No personal data is ever passed to a logger."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from opentelemetry import trace

type EventDict = MutableMapping[str, Any]


def _add_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
        event["span_id"] = format(context.span_id, "016x")
    return event


def _drop_exception_text(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Keep an exception's type and where it was raised: its message may quote what a person typed."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()[1]
    elif isinstance(raised, tuple):
        raised = raised[1]
    if isinstance(raised, BaseException):
        cause = _first(raised)
        event["exception"] = type(cause).__name__
        event["raised_at"] = _places(cause)
    return event


def _drop_task_text(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Keep the first line of what asyncio says of a task that failed unseen: the next ones show its exception."""
    if event["_record"].name == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _first(raised: BaseException) -> BaseException:
    """What was really raised, when tasks that ran together wrapped it in a group."""
    while isinstance(raised, BaseExceptionGroup):
        raised = raised.exceptions[0]
    return raised


def _places(raised: BaseException) -> list[str]:
    places: list[str] = []
    frame = raised.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/site-packages/')[-1]}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    return places[-8:]


def configure_logs(service: str, *, level: str = "INFO") -> None:
    """Send structlog and the standard library's loggers to standard output as JSON lines named `service`."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _drop_exception_text,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _drop_task_text, _foreign_service(service)],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # These name each request's URL or each record's content; our own spans and logs say what is needed.
    for noisy in ("uvicorn.access", "httpx", "httpcore", "aiokafka", "pymongo", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _foreign_service(service: str) -> structlog.types.Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _dumps(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines carry `module=name`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
