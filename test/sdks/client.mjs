// Calls of models with the SDKs of OpenAI and Anthropic as programs use them: where they call is
// said by OPENAI_BASE_URL and ANTHROPIC_BASE_URL alone. Takes and gives what client.py does.
//
//   node client.mjs MODULES [--parallel N] < CALLS > ANSWERS
//
// MODULES  folder whose node_modules has the SDKs
import { createRequire } from 'node:module';
import { json } from 'node:stream/consumers';

const load = createRequire(`${process.argv[2]}/`);
const OpenAI = load('openai').default;
const Anthropic = load('@anthropic-ai/sdk').default;
const at = process.argv.indexOf('--parallel');
const parallel = at < 0 ? 1 : Number(process.argv[at + 1]);

const clients = { openai: new OpenAI(), anthropic: new Anthropic() };
const ofAnthropic = ['messages', 'count_tokens', 'anthropic_models'];

const whole = {
  chat: (client, body, options) => client.chat.completions.create(body, options),
  responses: (client, body, options) => client.responses.create(body, options),
  embeddings: (client, body, options) => client.embeddings.create(body, options),
  models: (client, body, options) => client.models.list(options),
  model: (client, body, options) => client.models.retrieve(body.model, options),
  anthropic_models: (client, body, options) => client.models.list({}, options),
  messages: (client, body, options) => client.messages.create(body, options),
  count_tokens: (client, body, options) => client.messages.countTokens(body, options),
};
const helper = {
  chat: (client, body, options) => client.chat.completions.stream(body, options),
  responses: (client, body, options) => client.responses.stream(body, options),
  messages: (client, body, options) => client.messages.stream(body, options),
};
const final = {
  chat: (stream) => stream.finalChatCompletion(),
  responses: (stream) => stream.finalResponse(),
  messages: (stream) => stream.finalMessage(),
};

function optionsOf(call) {
  const given = call.options ?? {};
  const options = { headers: call.headers ?? {} };
  if ('max_retries' in given) options.maxRetries = given.max_retries;
  if ('timeout' in given) options.timeout = given.timeout * 1000;
  return options;
}

async function read(call, client) {
  const options = optionsOf(call);
  if (call.how === 'helper') {
    const stream = helper[call.api](client, call.body, options);
    const given = [];
    for await (const event of stream) given.push(event);
    given.push(await final[call.api](stream));
    return given;
  }
  if (call.how === 'stream') {
    const given = [];
    for await (const event of await whole[call.api](client, { ...call.body, stream: true },
      options)) {
      given.push(event);
      if (given.length === call.leave) break;
    }
    return given;
  }
  const answer = await whole[call.api](client, call.body, options);
  return [answer.data && answer.getNextPage ? { data: answer.data } : answer];
}

function bases(error) {
  const names = [];
  for (let type = error.constructor; type?.name; type = Object.getPrototypeOf(type)) {
    names.push(type.name);
  }
  return names;
}

async function one(call) {
  const began = performance.now();
  const client = ofAnthropic.includes(call.api) ? clients.anthropic : clients.openai;
  const { APIError } = client.constructor;
  let result;
  try {
    result = { given: await read(call, client) };
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    result = { error: error.constructor.name, status: error.status ?? null,
      body: error.error ?? null, message: error.message, bases: bases(error) };
  }
  return { ...result, seconds: (performance.now() - began) / 1000 };
}

const calls = await json(process.stdin);
const answers = [];
let next = 0;
await Promise.all(Array.from({ length: parallel }, async () => {
  while (next < calls.length) {
    const number = next++;
    answers[number] = await one(calls[number]);
  }
}));
process.stdout.write(JSON.stringify(answers));
