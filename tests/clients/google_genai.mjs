// @google/genai: the conversations of the quickstart and the life of an interaction.
// node google_genai.mjs PACKAGE; run by run.py.

import { CLOCK, KEY, URL, assert, hold } from './telling.mjs';

const [, , packageName] = process.argv;
const { GoogleGenAI } = await import(packageName);
const FLASH = 'gemini-3.5-flash';
const PREVIEW = 'gemini-3-flash-preview';
const TOOLS = [{ type: 'function', ...CLOCK }];
const PENDING = ['queued', 'in_progress'];

const api = (conversation) =>
  new GoogleGenAI({ apiKey: `${KEY}-${conversation}`, httpOptions: { baseUrl: URL } }).interactions;
const textOf = (interaction) =>
  interaction.steps
    .filter((step) => step.type === 'model_output')
    .flatMap((step) => step.content)
    .map((block) => block.text ?? '')
    .join('');
const textIn = (events) =>
  events
    .filter((event) => event.event_type === 'step.delta' && event.delta.type === 'text')
    .map((event) => event.delta.text)
    .join('');

async function taken(stream, most = Infinity) {
  const events = [];
  for await (const event of stream) {
    events.push(event);
    if (events.length === most) break;
  }
  return events;
}

await hold(packageName, {
  async text(name) {
    return textOf(await api(name).create({ model: FLASH, input: 'Explain how AI works in a few words' }));
  },
  async stream(name) {
    const asked = { model: FLASH, input: 'Explain how AI works in detail', stream: true };
    return textIn(await taken(await api(name).create(asked)));
  },
  async turns(name) {
    const first = await api(name).create({ model: PREVIEW, input: 'I have 2 dogs in my house.' });
    const input = 'How many paws are in my house?';
    return textOf(await api(name).create({ model: PREVIEW, input, previous_interaction_id: first.id }));
  },
  async search(name) {
    const asked = { model: PREVIEW, input: 'Who won the euro 2024?', tools: [{ type: 'google_search' }] };
    const answer = await api(name).create(asked);
    assert(answer.steps.some((step) => step.type === 'google_search_result'), answer.steps);
    assert(answer.steps.at(-1).content[0].annotations[0].title === 'uefa.com', answer.steps);
    return textOf(answer);
  },
  async function(name) {
    const asked = { model: PREVIEW, input: "What's the temperature in London?", tools: TOOLS };
    const first = await api(name).create(asked);
    const call = first.steps.find((step) => step.type === 'function_call');
    assert(call.arguments.location === 'London', call);
    const result = [{ type: 'text', text: '{"temperature":"15C"}' }];
    const input = [{ type: 'function_result', name: call.name, call_id: call.id, result }];
    return textOf(
      await api(name).create({ model: PREVIEW, input, tools: TOOLS, previous_interaction_id: first.id }),
    );
  },
  async get(name) {
    const made = await api(name).create({ model: FLASH, input: 'Hello' });
    return textOf(await api(name).get(made.id));
  },
  async delete(name) {
    const made = await api(name).create({ model: FLASH, input: 'Hello' });
    await api(name).delete(made.id);
    try {
      await api(name).get(made.id);
    } catch (error) {
      return String(error.status ?? error.statusCode);
    }
    return 'no error';
  },
  async background(name) {
    let now = await api(name).create({ model: FLASH, input: 'Hello', background: true });
    assert(PENDING.includes(now.status), now);
    while (PENDING.includes(now.status)) now = await api(name).get(now.id);
    return textOf(now);
  },
  async resume(name) {
    const asked = { model: FLASH, input: 'Explain how AI works in detail', background: true, stream: true };
    const begun = await taken(await api(name).create(asked), 5);
    const more = { stream: true, last_event_id: begun.at(-1).event_id };
    return textIn([...begun, ...(await taken(await api(name).get(begun[0].interaction.id, more)))]);
  },
  async cancel(name) {
    const made = await api(name).create({ model: FLASH, input: 'Hello', background: true });
    await api(name).cancel(made.id);
    return (await api(name).get(made.id)).status;
  },
  async retry(name) {
    const once = api(`${name}#{"error": 503, "times": 1}`);
    return textOf(await once.create({ model: FLASH, input: 'Hello' }));
  },
});
