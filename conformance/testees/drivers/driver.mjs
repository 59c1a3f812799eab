// What a driver for Node needs: read calls, answer them at the same time, stop when told.
//
//     drive({ name: "mine", version: "1", ... }, async (call, tell, signal) => {
//       tell({ event_type: "interaction.created" });  // an event, as the client handed it over
//       return { type: "end", text: "Hello" };
//     });
//
// What `answer` throws is a fault of the driver; what the client throws is told by `failed`. `signal` aborts
// when the harness wants no more of the call, which then ends in any case. Messages go to the descriptor that
// CONFORMANCE_FD names, if it does, so that whatever a client prints on stdout is a log.

import { existsSync, readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// With --expose-gc garbage is collected all the time, so that what then goes wrong is not the luck of a day.
if (globalThis.gc) setInterval(globalThis.gc, 200).unref();

const OUT = Number(process.env.CONFORMANCE_FD ?? 1);

function say(message) {
  let rest = Buffer.from(JSON.stringify(message) + "\n");
  while (rest.length) rest = rest.subarray(writeSync(OUT, rest));
}

export const cancelled = { type: "error", kind: "cancelled", message: "the call was cancelled" };

export async function drive(ready, answer) {
  console.log = console.info = console.debug = console.error;
  const running = new Map();
  const take = async (call) => {
    const start = performance.now();
    let events = 0;
    const stop = new AbortController();
    const stopped = new Promise((resolve) => stop.signal.addEventListener("abort", () => resolve(cancelled)));
    const tell = (value) => {
      if (stop.signal.aborted) return events;
      const at_ms = Math.round((performance.now() - start) * 10) / 10;
      say({ type: "event", id: call.id, seq: ++events, value, at_ms });
      return events;
    };
    running.set(call.id, stop);
    const broken = ({ name, message, stack }) => ({
      type: "fault",
      message: `${name}: ${message}`,
      traceback: stack,
    });
    const told = await Promise.race([answer(call, tell, stop.signal).catch(broken), stopped]);
    running.delete(call.id);
    say({ id: call.id, events, ...told });
  };
  say({
    type: "ready",
    protocol: 1,
    language: "javascript",
    runtime: `node ${process.versions.node}`,
    ...ready,
  });
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    if (message.type === "stop") break;
    if (message.type === "call") take(message);
    if (message.type === "cancel") running.get(message.id)?.abort();
  }
  process.exit(0);
}

// The client's error as its user sees it, with what it comes from.
export function failed(error, kind, { status, code } = {}) {
  const cause = [];
  for (let one = error.cause; one instanceof Error && cause.length < 10; one = one.cause) {
    cause.push(`${one.name}: ${one.message}`);
  }
  const told = { kind, message: String(error.message || error), native: error.name, cause };
  return { type: "error", status: status ?? null, code: code ?? null, ...told };
}

// What an argument that the client has no way to express is answered with.
export class Unsupported extends Error {
  constructor(pointer, reason) {
    super(reason);
    this.pointer = pointer;
  }

  get told() {
    return { type: "unsupported", pointer: this.pointer, reason: `${this.pointer}: ${this.message}` };
  }
}

// JavaScript has read the numbers before any client sees them, and none beyond 2^53 exactly.
export function refuseInexact(value, pointer = "") {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new Unsupported(pointer, "JavaScript does not hold this number exactly");
  }
  if (typeof value !== "object" || value === null) return;
  for (const [name, item] of Object.entries(value)) refuseInexact(item, `${pointer}/${name}`);
}

// A package of npm as the folder sees it in which the driver was started, and its version.
export async function installed(name) {
  const places = createRequire(join(process.cwd(), "driver.mjs")).resolve.paths(name) ?? [];
  const folder = places
    .map((place) => join(place, name))
    .find((place) => existsSync(join(place, "package.json")));
  if (!folder) {
    console.error(`${name} is not installed in ${process.cwd()} or above; run there: npm install ${name}`);
    process.exit(1);
  }
  const told = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  let entry = told.exports?.["."] ?? told.exports ?? told.module ?? told.main ?? "index.js";
  while (typeof entry === "object") {
    entry = Object.entries(entry).find(([word]) => ["node", "import", "default"].includes(word))[1];
  }
  return { ...(await import(pathToFileURL(join(folder, entry)))), version: told.version };
}
