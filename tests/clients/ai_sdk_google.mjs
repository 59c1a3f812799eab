// @ai-sdk/google, its `interactions` models: the conversations of the quickstart, and what it does in the background.
// node ai_sdk_google.mjs PACKAGE AI, where AI is the `ai` that goes with PACKAGE; run by run.py.

import { CLOCK, KEY, URL, assert, hold } from './telling.mjs';

const [, , packageName, aiName] = process.argv;
const { createGoogleGenerativeAI } = await import(packageName);
const { generateText, jsonSchema, stepCountIs, streamText, tool } = await import(aiName);
const FLASH = 'gemini-3.5-flash';
const PREVIEW = 'gemini-3-flash-preview';

const google = (conversation) =>
  createGoogleGenerativeAI({ apiKey: `${KEY}-${conversation}`, baseURL: `${URL}/v1beta` });
const ask = (name, model, prompt, more = {}) =>
  generateText({ maxRetries: 0, model: google(name).interactions(model), prompt, ...more });

await hold(packageName, {
  async text(name) {
    return (await ask(name, FLASH, 'Explain how AI works in a few words')).text;
  },
  async stream(name) {
    let failed;
    const { textStream } = streamText({
      maxRetries: 0,
      model: google(name).interactions(FLASH),
      prompt: 'Explain how AI works in detail',
      onError: ({ error }) => (failed = error),
    });
    let text = '';
    for await (const part of textStream) text += part;
    if (failed) throw failed;
    return text;
  },
  async turns(name) {
    const first = await ask(name, FLASH, 'I have 2 dogs in my house.');
    const previousInteractionId = first.providerMetadata.google.interactionId;
    const providerOptions = { google: { previousInteractionId } };
    return (await ask(name, FLASH, 'How many paws are in my house?', { providerOptions })).text;
  },
  async search(name) {
    const tools = { google_search: google(name).tools.googleSearch({}) };
    const answer = await ask(name, PREVIEW, 'Who won the euro 2024?', { tools });
    assert(answer.sources[0]?.title === 'uefa.com', answer.sources);
    return answer.text;
  },
  async function(name) {
    let asked;
    const get_current_temperature = tool({
      description: CLOCK.description,
      inputSchema: jsonSchema(CLOCK.parameters),
      execute: async ({ location }) => {
        asked = location;
        return { temperature: '15C' };
      },
    });
    const more = { stopWhen: stepCountIs(3), tools: { get_current_temperature } };
    const answer = await ask(name, PREVIEW, "What's the temperature in London?", more);
    assert(asked === 'London', asked);
    return answer.text;
  },
  async background(name) {
    const providerOptions = { google: { background: true, pollingIntervalMs: 10 } };
    return (await ask(name, FLASH, 'Hello', { providerOptions })).text;
  },
  async agent(name) {
    const model = { agent: 'deep-research-pro-preview-12-2025' };
    const providerOptions = { google: { background: true, pollingIntervalMs: 10 } };
    return (await ask(name, model, 'Hello', { providerOptions })).text;
  },
  async retry(name) {
    return (await ask(`${name}#{"error": 503, "times": 1}`, FLASH, 'Hello', { maxRetries: 2 })).text;
  },
});
