// Composes graphe/subgraphs/*.graphql into a supergraph: `node compose.mjs SUBGRAPHS_FOLDER OUTPUT`.
// A development tool: nothing of it runs in production.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { composeServices, compositionHasErrors } from "@theguild/federation-composition";
import { parse } from "graphql";

const [folder, output] = process.argv.slice(2);
const services = readdirSync(folder)
  .filter((file) => file.endsWith(".graphql"))
  .sort()
  .map((file) => {
    const name = basename(file, ".graphql");
    // The gateway takes each subgraph's address from its settings; this one only names it.
    return { name, url: `http://${name}/graphql`, typeDefs: parse(readFileSync(join(folder, file), "utf8")) };
  });
const composed = composeServices(services);
if (compositionHasErrors(composed)) {
  for (const error of composed.errors) console.error(`${error.extensions?.code ?? "ERROR"}: ${error.message}`);
  process.exit(1);
}
writeFileSync(output, composed.supergraphSdl.trimEnd() + "\n");
