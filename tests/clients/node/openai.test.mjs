// openai-node against the example gateway: both protocols, what its users do. run.sh starts the stack.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { makeParseableResponseFormat } from 'openai/lib/parser';

const { GATEWAY_URL, UPSTREAM_URL } = process.env;
const GPT = 'gpt-4o-mini';
const CLAUDE = 'claude-sonnet-4-20250514';
const CLAUDE_STRUCTURED = 'claude-sonnet-4-5';
const CLAUDE_THINKING = 'claude-sonnet-4-6';
const BOTH = [GPT, CLAUDE];

const clientOf = (apiKey) => new OpenAI({ apiKey, baseURL: `${GATEWAY_URL}/v1`, maxRetries: 0, timeout: 30_000 });
const client = clientOf('sk-test-alice');
const bob = clientOf('sk-test-bob');
const chat = client.chat.completions;

const user = (content) => [{ role: 'user', content }];
const said = (text) => `You said: ${text} Grüße, 世界 🦀`;

const upstream = async () => (await fetch(`${UPSTREAM_URL}/__state`)).json();
let before;
let mayReject;
beforeEach(async () => {
  before = await upstream();
  mayReject = false;
});
// A request that the provider would refuse fails the test, whatever the client made of it.
afterEach(async () => {
  if (!mayReject) assert.deepEqual((await upstream()).rejected.slice(before.rejected.length), []);
});

const WEATHER = {
  name: 'get_weather',
  description: 'Weather in a town',
  parameters: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
};
const PLAN = makeParseableResponseFormat(
  {
    type: 'json_schema',
    json_schema: {
      name: 'plan',
      strict: true,
      schema: {
        type: 'object',
        properties: { town: { type: 'string' }, guests: { type: 'array', items: { type: 'integer' } } },
        required: ['town', 'guests'],
        additionalProperties: false,
      },
    },
  },
  JSON.parse,
);

for (const model of BOTH) {
  test(`${model}: create`, async () => {
    const answer = await chat.create({ model, messages: user('hello') });
    assert.equal(answer.choices[0].message.content, said('hello'));
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.total_tokens, 18);
    assert.ok(answer._request_id);
  });

  for (const include_usage of [true, false]) {
    test(`${model}: stream, include_usage ${include_usage}`, async () => {
      const options = include_usage ? { stream_options: { include_usage } } : {};
      const chunks = [];
      for await (const chunk of await chat.create({ model, messages: user('hello'), stream: true, ...options })) {
        chunks.push(chunk);
      }
      const text = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? '')).join('');
      assert.equal(text, said('hello'));
      const bills = chunks.filter((chunk) => chunk.usage);
      assert.equal(bills.length, include_usage ? 1 : 0);
      assert.equal(chunks.at(-1).choices.length, include_usage ? 0 : 1);
      if (include_usage) assert.equal(chunks.at(-1).usage.prompt_tokens, 11);
    });
  }

  test(`${model}: stream helper`, async () => {
    const stream = chat.stream({ model, messages: user('hello'), stream_options: { include_usage: true } });
    let text = '';
    stream.on('content', (delta) => (text += delta));
    const final = await stream.finalChatCompletion();
    assert.equal(text, said('hello'));
    assert.equal(final.choices[0].message.content, said('hello'));
    assert.equal((await stream.totalUsage()).total_tokens, 18);
  });

  for (const stream of [false, true]) {
    test(`${model}: runTools, stream ${stream}`, async () => {
      const towns = [];
      const weather = ({ town }) => {
        towns.push(town);
        return 'rain';
      };
      const runner = chat.runTools({
        model,
        stream,
        messages: user('the weather?'),
        tools: [{ type: 'function', function: { ...WEATHER, function: weather, parse: JSON.parse } }],
      });
      assert.equal(await runner.finalContent(), 'The tools said: rain');
      assert.deepEqual(towns, ['Graz']);
    });
  }

  test(`${model}: tools by hand`, async () => {
    const tools = [{ type: 'function', function: WEATHER }, { type: 'function', function: { name: 'get_clock' } }];
    const messages = user('weather and clock?');
    const first = await chat.create({ model, messages, tools });
    assert.equal(first.choices[0].finish_reason, 'tool_calls');
    const calls = first.choices[0].message.tool_calls;
    assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'get_clock']);
    messages.push(first.choices[0].message);
    for (const call of calls) messages.push({ role: 'tool', tool_call_id: call.id, content: call.function.name });
    const second = await chat.create({ model, messages, tools });
    assert.equal(second.choices[0].message.content, 'The tools said: get_weather | get_clock');
  });

  for (const words of ['count forever', 'fall silent']) {
    test(`${model}: leaves a stream, ${words}`, async () => {
      const marker = randomUUID();
      const stream = await chat.create({ model, messages: user(`${words} ${marker}`), stream: true });
      for await (const chunk of stream) {
        if (chunk.choices[0]?.delta.content) break; // which aborts the request, says the SDK
      }
      await abortedWithinASecond(marker);
    });
  }

  test(`${model}: aborts before an answer`, async () => {
    const marker = randomUUID();
    const controller = new AbortController();
    const answer = chat.create({ model, messages: user(`never answer ${marker}`) }, { signal: controller.signal });
    const refused = assert.rejects(answer, OpenAI.APIUserAbortError);
    await sleep(300);
    controller.abort();
    await refused;
    await abortedWithinASecond(marker);
  });

  test(`${model}: 401`, async () => {
    const stranger = clientOf('sk-test-nobody').chat.completions;
    const error = await errorOf(OpenAI.AuthenticationError, stranger.create({ model, messages: user('hi') }));
    assert.equal(error.code, 'invalid_api_key');
  });

  test(`${model}: 400`, async () => {
    for (const messages of [[], 'hi']) {
      const error = await errorOf(OpenAI.BadRequestError, chat.create({ model, messages }));
      assert.equal(error.param, 'messages');
    }
    assert.equal((await upstream()).requests, before.requests);
  });
}

for (const model of [...BOTH, CLAUDE_STRUCTURED]) {
  test(`${model}: parse`, async () => {
    const answer = await chat.parse({ model, messages: user('plan it'), response_format: PLAN });
    assert.deepEqual(answer.choices[0].message.parsed, { town: 'Graz', guests: [7] });
  });

  test(`${model}: stream helper parses`, async () => {
    const stream = chat.stream({ model, messages: user('plan it'), response_format: PLAN });
    const final = await stream.finalChatCompletion();
    assert.deepEqual(final.choices[0].message.parsed, { town: 'Graz', guests: [7] });
  });
}

test(`${CLAUDE_THINKING}: runTools while thinking`, async () => {
  // The streaming runner keeps of each extra field of a delta the last one: half a thought comes back, and must not
  // reach Claude as a whole one.
  for (const stream of [false, true]) {
    const runner = chat.runTools({
      model: CLAUDE_THINKING,
      stream,
      reasoning_effort: 'high',
      messages: user('the weather?'),
      tools: [{ type: 'function', function: { ...WEATHER, function: () => 'rain', parse: JSON.parse } }],
    });
    assert.equal(await runner.finalContent(), 'The tools said: rain');
  }
});

test('models: list and retrieve', async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  for (const model of BOTH) {
    assert.ok(ids.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  }
});

test('models: a key sees its own', async () => {
  const ids = (await bob.models.list()).data.map((model) => model.id);
  assert.ok(ids.includes(GPT));
  assert.ok(ids.every((id) => id.startsWith('gpt-')));
  await errorOf(OpenAI.NotFoundError, bob.models.retrieve(CLAUDE));
});

test('404: an unknown model, and one that the key may not use', async () => {
  for (const stream of [false, true]) {
    const unknown = await errorOf(OpenAI.NotFoundError, chat.create({ model: 'unknown', messages: user('hi'), stream }));
    assert.equal(unknown.code, 'model_not_found');
    assert.equal(unknown.param, 'model');
    const hidden = bob.chat.completions.create({ model: CLAUDE, messages: user('hi'), stream });
    assert.equal((await errorOf(OpenAI.NotFoundError, hidden)).code, 'model_not_found');
  }
});

test('400: what Claude cannot do', async () => {
  const ask = { model: CLAUDE, messages: user('hi'), logit_bias: { 50256: -100 } };
  const error = await errorOf(OpenAI.BadRequestError, chat.create(ask));
  assert.equal(error.param, 'logit_bias');
  assert.equal(error.code, 'unsupported_parameter');
  assert.equal((await upstream()).requests, before.requests);
});

test('400: what the provider refuses', async () => {
  mayReject = true;
  const error = await errorOf(OpenAI.BadRequestError, chat.create({ model: GPT, messages: user('hi'), temperature: 3 }));
  assert.equal(error.param, 'temperature');
});

async function errorOf(kind, promise) {
  const error = await promise.then(
    () => assert.fail('no error'),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error}`);
  assert.ok(error.requestID);
  assert.ok(error.type);
  return error;
}

async function abortedWithinASecond(marker) {
  const end = Date.now() + 1000;
  let seen;
  do {
    seen = (await upstream()).exchanges.filter((exchange) => exchange.text.includes(marker));
    if (seen.length && seen.every((exchange) => exchange.state === 'aborted')) return;
    await sleep(10);
  } while (Date.now() < end);
  assert.fail(`the upstream saw ${JSON.stringify(seen)}`);
}
