// The driver of @google/genai, Google's SDK for JavaScript: `ai.interactions`.
//
//     node google_genai.mjs        in a folder where npm has installed @google/genai

import { Unsupported, cancelled, drive, failed, installed, refuseInexact } from "./driver.mjs";

const { GoogleGenAI, version } = await installed("@google/genai");

const READY = {
  name: "@google/genai",
  version,
  source: "https://github.com/googleapis/js-genai",
  operations: ["interactions.create", "interactions.get", "interactions.cancel", "interactions.delete"],
  capabilities: [
    ...["stream", "cancel", "timeout", "headers", "retries", "resume"],
    ...["events", "text", "output_text", "usage"],
  ],
  max_in_flight: 8,
};

const KINDS = {
  APIConnectionTimeoutError: "timeout",
  APIUserAbortError: "cancelled",
  APIConnectionError: "transport",
  ResponseValidationError: "parse",
  TimeoutError: "timeout",
  SyntaxError: "parse",
  ZodError: "client",
};

// Without a signal of ours: the SDK heeds its time-out only when it is given none.
function asked(call) {
  refuseInexact(call.arguments);
  const { api_key: apiKey, base_url: baseUrl, api_version: apiVersion, headers } = call;
  const { interactions } = new GoogleGenAI({ apiKey, httpOptions: { baseUrl, apiVersion, headers } });
  const options = { timeout: call.timeout_ms, ...(call.retries === "off" ? { maxRetries: 0 } : {}) };
  const operation = call.operation.split(".").pop();
  const stream = call.stream ? { stream: true } : {};
  if (operation === "create") return interactions.create({ ...call.arguments, ...stream }, options);
  const { id, ...rest } = call.arguments;
  return interactions[operation](id, { ...rest, ...stream }, options);
}

async function answer(call, tell) {
  try {
    const got = await asked(call);
    if (!got?.[Symbol.asyncIterator]) {
      return { type: "end", value: got ?? null, text: got?.output_text ?? null, usage: got?.usage ?? null };
    }
    if (call.cancel?.after_events === 0) {
      await got.cancel();
      return cancelled;
    }
    for await (const event of got) {
      if (tell(event) >= call.cancel?.after_events) return cancelled;
    }
    return { type: "end" };
  } catch (error) {
    if (error instanceof Unsupported) return error.told;
    const status = error.status ?? error.statusCode;
    const kind =
      error.cause?.name === "TimeoutError" ? "timeout" : (KINDS[error.name] ?? (status ? "api" : "other"));
    return failed(error, kind, { status, code: error.error?.code ?? error.error?.error?.code });
  }
}

await drive(READY, answer);
