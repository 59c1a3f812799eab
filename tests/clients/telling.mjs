// What the scripts for Node share: hold conversations one by one, and print a line of JSON for each.

import { readFileSync } from 'node:fs';

export const URL = process.env.CLIENT_BASE_URL;
export const KEY = process.env.CLIENT_API_KEY;
export const CLOCK = {
  name: 'get_current_temperature',
  description: 'Gets the current temperature for a given location.',
  parameters: {
    type: 'object',
    properties: { location: { type: 'string', description: 'The city, such as San Francisco' } },
    required: ['location'],
  },
};

export async function hold(packageName, conversations) {
  const { name: client, version } = JSON.parse(readFileSync(`node_modules/${packageName}/package.json`));
  for (const [conversation, talk] of Object.entries(conversations)) {
    let outcome;
    try {
      outcome = { ok: true, said: await talk(conversation) };
    } catch (error) {
      const cause = error.cause ? ` (${String(error.cause.message ?? error.cause).slice(0, 300)})` : '';
      outcome = { ok: false, error: `${error.name}: ${String(error.message).slice(0, 400)}${cause}` };
    }
    console.log(JSON.stringify({ client, version, conversation, ...outcome }));
  }
}

export function assert(truth, shown) {
  if (!truth) throw new Error(JSON.stringify(shown));
}
