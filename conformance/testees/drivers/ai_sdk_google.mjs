// The driver of @ai-sdk/google: its `interactions` models, through `generateText` and `streamText` of `ai`.
//
//     node ai_sdk_google.mjs       in a folder where npm has installed @ai-sdk/google and ai
//
// The AI SDK has a language of its own: arguments of the API become settings, messages and provider options,
// as its documentation says, and what has no word there is unsupported. What it hands over are its own stream
// parts; text, function calls and usage are told under the names of the API.

import { Unsupported, drive, failed, installed, refuseInexact } from "./driver.mjs";

const { createGoogleGenerativeAI, version } = await installed("@ai-sdk/google");
const { generateText, jsonSchema, streamText, tool } = await installed("ai");

const READY = {
  name: "@ai-sdk/google",
  version,
  source: "https://github.com/vercel/ai",
  operations: ["interactions.create"],
  capabilities: ["stream", "cancel", "timeout", "headers", "retries", "text", "calls", "usage"],
  max_in_flight: 8,
};

const camel = (word) => word.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const camelKeys = (value) =>
  Object.fromEntries(Object.entries(value).map(([name, item]) => [camel(name), item]));
const refuse = (pointer) => {
  throw new Unsupported(pointer, "the AI SDK has no word for it");
};

// The arguments of the API that are the same in the SDK but for their name.

const OPTIONS = [
  "previous_interaction_id",
  "store",
  "background",
  "service_tier",
  "response_modalities",
  ...(Number.parseInt(version) < 4 ? [] : ["labels"]),
];
const SETTINGS = ["temperature", "top_p", "top_k", "seed", "stop_sequences", "max_output_tokens"];
const THINKING = ["thinking_level", "thinking_summaries"];
const CHOICES = { auto: "auto", any: "required" }; // its "none" sends no tools, which is another request
const TOOLS = {
  google_search: [],
  url_context: [],
  code_execution: [],
  google_maps: [],
  file_search: ["file_search_store_names", "top_k", "metadata_filter"],
};

const FORMATS = {
  text: ["mime_type", "schema"],
  image: ["mime_type", "aspect_ratio", "image_size"],
  audio: ["mime_type"],
  video: ["aspect_ratio", "resolution", "duration", "delivery", "gcs_uri"],
};

// The members of something of the API in the words of the SDK, which knows some of them for each type.
function known(words, { type, ...more }, pointer) {
  const strange = Object.keys(more).find((name) => !words[type]?.includes(name));
  if (!words[type] || strange) refuse(`${pointer}/${strange ?? "type"}`);
  return camelKeys(more);
}

function generationConfig(config, settings, options) {
  for (const [name, value] of Object.entries(config)) {
    if (SETTINGS.includes(name)) settings[camel(name)] = value;
    else if (THINKING.includes(name)) options[camel(name)] = value;
    else if (name === "tool_choice" && CHOICES[value]) settings.toolChoice = CHOICES[value];
    else refuse(`/generation_config/${name}`);
  }
}

function toolsOf(tools, google) {
  if (!tools.length) refuse("/tools"); // to the SDK that is the same as none
  const made = tools.map((told, place) => {
    const { type, ...more } = told;
    if (type === "function") {
      const { name, description, parameters } = more;
      return [
        name,
        tool({ description, inputSchema: jsonSchema(parameters ?? { type: "object", properties: {} }) }),
      ];
    }
    return [type, google.tools[camel(type)](known(TOOLS, told, `/tools/${place}`))];
  });
  return Object.fromEntries(made);
}

const formatsOf = (told) =>
  [told].flat().map((entry, place) => ({
    type: entry.type,
    ...known(FORMATS, entry, Array.isArray(told) ? `/response_format/${place}` : "/response_format"),
  }));

// The input: a text, contents, or steps.

const textOf = (content, pointer) => {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.map(({ type, text }, place) =>
    type === "text" ? { type, text } : refuse(`${pointer}/${place}`),
  );
};

const outputOf = ({ result, is_error: failed }, pointer) => {
  if (typeof result === "string") return { type: failed ? "error-text" : "text", value: result };
  if (!Array.isArray(result) || failed) refuse(pointer); // of other values it sends a text
  return { type: "content", value: textOf(result, pointer) };
};

const signed = ({ signature }) => (signature ? { providerOptions: { google: { signature } } } : {});

function messageOf(step, pointer) {
  switch (step.type) {
    case "user_input":
      return { role: "user", content: textOf(step.content, `${pointer}/content`) };
    case "model_output":
      return { role: "assistant", content: textOf(step.content, `${pointer}/content`) };
    case "thought": {
      const text = textOf(step.summary ?? [], `${pointer}/summary`)
        .map((part) => part.text)
        .join("");
      return { role: "assistant", content: [{ type: "reasoning", text, ...signed(step) }] };
    }
    case "function_call": {
      const { id: toolCallId, name: toolName, arguments: input } = step;
      return {
        role: "assistant",
        content: [{ type: "tool-call", toolCallId, toolName, input, ...signed(step) }],
      };
    }
    case "function_result": {
      const output = outputOf(step, `${pointer}/result`);
      const { call_id: toolCallId, name: toolName } = step;
      return {
        role: "tool",
        content: [{ type: "tool-result", toolCallId, toolName, output, ...signed(step) }],
      };
    }
  }
  return refuse(pointer);
}

function promptOf(input) {
  if (typeof input === "string") return { prompt: input };
  if (!Array.isArray(input)) return { messages: [messageOf(input, "/input")] };
  if (input.every((item) => item.type === "text"))
    return { messages: [{ role: "user", content: textOf(input) }] };
  const messages = [];
  for (const [place, step] of input.entries()) {
    const { role, content } = messageOf(step, `/input/${place}`);
    if (messages.at(-1)?.role === role) messages.at(-1).content.push(...content);
    else messages.push({ role, content });
  }
  return { messages };
}

function settingsOf(call, google) {
  const options = {};
  const settings = { providerOptions: { google: options } };
  refuseInexact(call.arguments);
  for (const [name, value] of Object.entries(call.arguments)) {
    if (name === "model") settings.model = google.interactions(value);
    else if (name === "agent") settings.model = google.interactions({ agent: value });
    else if (name === "input") Object.assign(settings, promptOf(value));
    else if (name === "system_instruction") settings.system = value;
    else if (name === "tools") settings.tools = toolsOf(value, google);
    else if (name === "generation_config") generationConfig(value, settings, options);
    else if (name === "agent_config") options.agentConfig = camelKeys(value);
    else if (name === "response_format") options.responseFormat = formatsOf(value);
    else if (OPTIONS.includes(name)) options[camel(name)] = value;
    else refuse(`/${name}`);
  }
  if (call.arguments.model && call.arguments.agent) refuse("/agent");
  if (!call.arguments.model && !call.arguments.agent) refuse("/model");
  if (call.retries === "off") settings.maxRetries = 0;
  return settings;
}

// The call.

const callOf = ({ toolCallId, toolName, input }) => ({ id: toolCallId, name: toolName, arguments: input });

// How the SDK tells that an answer is none, where it raises nothing.
const FAILURES = { interrupted: "transport", error: "api" };

async function told(result) {
  const { text, toolCalls, usage, finishReason } = result;
  const [words, calls, used, reason] = await Promise.all([text, toolCalls, usage, finishReason]);
  if (FAILURES[reason]) {
    return { type: "error", kind: FAILURES[reason], message: `the finish reason is ${reason}` };
  }
  const asked = calls.filter((one) => !one.providerExecuted).map(callOf);
  return { type: "end", text: words, calls: asked, usage: used.raw ?? null };
}

async function streamed(call, settings, leave, tell) {
  const result = streamText({ ...settings, onError() {} });
  if (call.cancel?.after_events === 0) leave();
  for await (const part of result.fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "abort") throw settings.abortSignal.reason;
    if (tell(part) >= call.cancel?.after_events) leave();
  }
  return told(result);
}

async function answer(call, tell, signal) {
  const { api_key: apiKey, base_url, api_version, headers } = call;
  const stop = new AbortController();
  const leave = () => stop.abort();
  const timer = setTimeout(
    () => stop.abort(new DOMException("the time-out is over", "TimeoutError")),
    call.timeout_ms,
  );
  signal.addEventListener("abort", leave);
  try {
    const google = createGoogleGenerativeAI({ apiKey, baseURL: `${base_url}/${api_version}`, headers });
    const settings = { ...settingsOf(call, google), abortSignal: stop.signal };
    return call.stream
      ? await streamed(call, settings, leave, tell)
      : await told(await generateText(settings));
  } catch (error) {
    return error instanceof Unsupported ? error.told : errorOf(error, stop.signal);
  } finally {
    clearTimeout(timer);
  }
}

// What the server said; an error within a stream has no class in version 3.
const SENT = new Set(["AI_APICallError", "AI_StreamProviderError", undefined]);
const KINDS = {
  TimeoutError: "timeout",
  AbortError: "cancelled",
  AI_TypeValidationError: "parse",
  AI_JSONParseError: "parse",
  AI_InvalidResponseDataError: "parse",
  AI_EmptyResponseBodyError: "parse",
  AI_InvalidPromptError: "client",
  AI_InvalidArgumentError: "client",
  AI_UnsupportedFunctionalityError: "client",
};

function errorOf(error, signal) {
  const last = error.lastError ?? error; // AI_RetryError has it
  const status = last.statusCode;
  const reason = last.data?.error ?? last;
  const chain = [last, last.cause, last.cause?.cause].filter(Boolean);
  let known = chain.map((one) => KINDS[one.name]).find(Boolean);
  if (known === "cancelled") known = KINDS[signal.reason?.name] ?? known;
  const called =
    last.name === "AI_APICallError" && !status ? "transport" : SENT.has(last.name) ? "api" : "other";
  return failed(error, known ?? called, { status, code: reason.code ?? reason.status });
}

await drive(READY, answer);
