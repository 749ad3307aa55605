// Goal: the program prices as @pydantic/genai-prices does, and every difference has its reason.
// Method: a thousand seeded draws of model, name, date and usage (dates around price changes and
// windows, sizes around context tiers), priced by both; a difference without a reason fails.
//
//   node test/oracle/prices.test.mjs [build/bursar]
//
// Needs node 18 or newer and the pinned npm package: a tarball named by $GENAI_PRICES_TGZ, or what
// tools/prices.mjs fetches once with `npm pack`. DRAWS and SEED change the draw.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { feedData, feedFolder } from '../../tools/prices.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const PROGRAM = resolve(process.argv[2] ?? join(ROOT, 'build/bursar'));
const DRAWS = Number(process.env.DRAWS ?? 1000);
const SEED = Number(process.env.SEED ?? 20261122);

const folder = feedFolder(process.env.GENAI_PRICES_TGZ);
const data = await feedData(folder);
const { calcPrice } = await import(pathToFileURL(join(folder, 'dist/index.js')).href);
const bookText = readFileSync(join(ROOT, 'prices/book.txt'), 'utf8');

// ---- draws ----------------------------------------------------------------------------------

let state = SEED >>> 0;
function random() { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const size = () => Math.floor(Math.exp(random() * Math.log(2e6)));

const models = data.flatMap((p) => p.models.map((m) => ({ provider: p, model: m })));
const interesting = models.filter(({ model }) => Array.isArray(model.prices) ||
  Object.values(model.prices).some((value) => typeof value === 'object'));

function someName(match, id) {
  const [[kind, value]] = Object.entries(match);
  switch (kind) {
    case 'equals': return value;
    case 'starts_with': return value + pick(['', '-20260401', '-preview']);
    case 'ends_with': case 'contains': return value;
    case 'or': return someName(pick(value), id);
    default: return id; // and, regex
  }
}

const DAY = 86400e3;
const changes = [...new Set(data.flatMap((p) => p.models)
  .flatMap((m) => (Array.isArray(m.prices) ? m.prices : []))
  .map((e) => e.constraint?.start_date).filter(Boolean))].map((d) => Date.parse(d));

function someInstant() {
  if (below(2)) return Date.parse('2025-01-01') + below(800) * DAY + below(DAY);
  const edge = pick(changes) + pick([-1, 0, 1]);
  return below(2) ? edge : edge - (edge % DAY) + below(40) * DAY +
    pick([0, 1, 3, 4, 6, 10, 16.5, 0.5].map((h) => h * 3600e3)) + pick([-1, 0, 1]);
}

function startsOf(model) {
  const entries = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  return entries.flatMap((e) => Object.values(e.prices)).flatMap((v) => v?.tiers ?? [])
    .map((t) => t.start);
}

function someUsage(model) {
  const usage = {};
  const some = (name, chance) => { if (random() < chance) usage[name] = size(); };
  some('input_uncached', 0.9);
  some('cache_read', 0.5);
  some('cache_write_5m', 0.25);
  some('cache_write_1h', 0.2);
  some('input_audio', 0.1);
  some('input_image', 0.1);
  some('output', 0.9);
  some('output_audio', 0.08);
  if (usage.output && below(2)) usage.reasoning = below(usage.output + 1);
  if (below(12) === 0) usage.web_searches = 1 + below(5);
  const starts = startsOf(model);
  if (starts.length > 0 && below(2)) { // exactly at, or next to, the edge of a context tier
    const rest = ['cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image']
      .reduce((sum, name) => sum + (usage[name] ?? 0), 0);
    const total = pick(starts) + pick([-1, 0, 1, 2]);
    if (rest <= total) usage.input_uncached = total - rest;
  }
  return usage;
}

const draws = Array.from({ length: DRAWS }, () => {
  const { provider, model } = pick(below(3) === 0 ? interesting : models);
  const name = below(3) === 0 ? model.id : someName(model.match, model.id);
  return { provider: provider.id, name, at: new Date(someInstant()), usage: someUsage(model) };
});

// ---- both sides -----------------------------------------------------------------------------

function theirs({ provider, name, at, usage }) {
  const of = (key) => usage[key] ?? 0;
  const request = {
    input_tokens: of('input_uncached') + of('cache_read') + of('cache_write_5m') +
      of('cache_write_1h') + of('input_audio') + of('input_image'),
    cache_read_tokens: of('cache_read'),
    cache_write_tokens: of('cache_write_5m') + of('cache_write_1h'),
    cache_write_1h_tokens: of('cache_write_1h'),
    input_audio_tokens: of('input_audio'), input_image_tokens: of('input_image'),
    output_tokens: of('output') + of('output_audio'), output_audio_tokens: of('output_audio'),
    output_reasoning_tokens: of('reasoning'), web_searches: of('web_searches'),
    // No token is in two classes of ours, so the feed's joint classes are empty.
    cache_audio_read_tokens: 0, cache_image_read_tokens: 0, input_video_tokens: 0,
    output_image_tokens: 0, output_video_tokens: 0, output_citation_tokens: 0,
  };
  try {
    const found = calcPrice(request, name, { providerId: provider, timestamp: at });
    return found ? { model: found.model, of: found.provider, price: found.model_price,
      cost: found.total_price } : { none: true };
  } catch (error) {
    return { error: error.message };
  }
}

function ours(list) {
  const scratch = mkdtempSync(join(tmpdir(), 'bursar-prices-'));
  const file = join(scratch, 'queries.jsonl');
  writeFileSync(file, list.map((d) => JSON.stringify({
    provider: d.provider, model: d.name, at: d.at.toISOString(), usage: d.usage,
  })).join('\n'));
  try {
    return execFileSync(PROGRAM, ['price', '--batch', file, '--home', scratch],
      { maxBuffer: 1 << 28, encoding: 'utf8' }).trim().split('\n').map((l) => JSON.parse(l));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

// ---- reasons --------------------------------------------------------------------------------

const near = (a, b, slack = 0) => Math.abs(a - b) <= 1e-12 + 1e-12 * Math.abs(b) + slack;
const tokens = (usage) => Object.entries(usage)
  .filter(([name]) => name !== 'reasoning').reduce((sum, [, n]) => sum + n, 0);
const inTier = (value, total) => (typeof value !== 'object' ? value
  : [...value.tiers].sort((a, b) => a.start - b.start)
    .reduce((price, tier) => (total > tier.start ? tier.price : price), value.base));

// Whether the feed's price has any rate a class could be charged at.
const CHARGED_AT = {
  'uncached input': ['input_mtok'], 'cache read': ['cache_read_mtok', 'input_mtok'],
  'cache write, 5 min': ['cache_write_mtok', 'input_mtok'],
  'cache write, 1 h': ['cache_write_1h_mtok', 'cache_write_mtok', 'input_mtok'],
  'audio input': ['input_audio_mtok', 'input_mtok'],
  'image input': ['input_image_mtok', 'input_mtok'],
  output: ['output_mtok'], 'audio output': ['output_audio_mtok', 'output_mtok'],
  'web searches': ['web_searches_kcount'],
};

const REASONS = [
  ['the book writes that rate in whole picodollars per token', (d, mine, feed) =>
    mine.cost !== undefined && feed.cost !== undefined &&
    bookText.includes(`# rounded: ${mine.provider} ${mine.model} `) &&
    near(Number(mine.cost), feed.cost, tokens(d.usage) * 0.5e-12)],
  ['a class that costs something has no rate: unpriced here, nothing in the feed',
    (d, mine, feed) => {
      const what = /no known rate for (.+)$/.exec(mine.unpriced ?? '')?.[1];
      return feed.cost !== undefined && what !== undefined &&
        CHARGED_AT[what].every((key) => feed.price[key] === undefined);
    }],
  ['no token rate at all, and the name does not say it is free: unpriced here, 0 in the feed',
    (d, mine, feed) => /without a rate for tokens/.test(mine.unpriced ?? '') &&
      Object.keys(feed.price ?? {}).every((key) => !/_mtok$|requests|web_searches/.test(key))],
  ['prices/corrections.csv: peak hours of deepseek-v4 began 2026-08-17, weekdays from 08-23',
    (d, mine, feed) => /^deepseek-v4-/.test(feed.model?.id ?? '') && mine.cost !== undefined &&
      (d.at < new Date('2026-08-17') ||
        (d.at >= new Date('2026-08-23') && [0, 6].includes(d.at.getUTCDay()))) &&
      near(Number(mine.cost), theirs({ ...d, at: new Date(d.at - (d.at % DAY) + DAY / 2) }).cost)],
  ['prices/corrections.csv: an hour of cache costs 2x input for Claude in other clouds',
    (d, mine, feed) => {
      const total = tokens(d.usage) - (d.usage.output ?? 0) - (d.usage.output_audio ?? 0) -
        (d.usage.web_searches ?? 0);
      const extra = d.usage.cache_write_1h && feed.price?.cache_write_1h_mtok === undefined
        ? (2 * inTier(feed.price.input_mtok, total) - inTier(feed.price.cache_write_mtok, total)) *
          d.usage.cache_write_1h / 1e6 : 0;
      return ['aws', 'google'].includes(feed.of?.id) && /claude/.test(feed.model.id) && extra > 0 &&
        near(Number(mine.cost), feed.cost + extra, 1e-9);
    }],
  ['a name the feed does not take: dated or with a suffix, priced here as the plain name',
    (d, mine, feed) => feed.none === true && mine.cost !== undefined &&
      /-20\d{6}$|-latest$|@/.test(d.name)],
  ['a model of prices/corrections.csv, whose name the feed gives to an older one',
    (d, mine, feed) => /^(claude-sonnet-5-5|claude-haiku-5-5|gpt-6\.[12]-sol)$/.test(mine.model)],
];

// ---- compare --------------------------------------------------------------------------------

const results = ours(draws);
const tally = new Map();
const unexplained = [];
let agree = 0;
let neither = 0;
draws.forEach((draw, i) => {
  const mine = results[i];
  const feed = theirs(draw);
  if (mine.cost !== undefined && feed.cost !== undefined && near(Number(mine.cost), feed.cost) &&
      mine.model === feed.model.id && mine.provider === feed.of.id) {
    agree += 1;
  } else if (mine.unpriced !== undefined && feed.none) {
    neither += 1;
  } else {
    const reason = REASONS.find(([, holds]) => holds(draw, mine, feed))?.[0];
    if (reason) {
      tally.set(reason, [...(tally.get(reason) ?? []), { draw, mine, feed }]);
    } else {
      unexplained.push({ draw, mine, feed });
    }
  }
});

const line = ({ draw, mine, feed }) => `    ${draw.provider}/${draw.name} at ${draw.at.toISOString()} ` +
  `${JSON.stringify(draw.usage)}: ${mine.cost ?? mine.unpriced ?? mine.error} here, ` +
  `${feed.cost ?? feed.error ?? 'no price'} in the feed (${feed.of?.id}/${feed.model?.id})`;
const cut = (list, n) => [...list.slice(0, n), ...(list.length > n ? [`    … ${list.length - n} more`] : [])];

console.log('TAP version 13\n1..1');
console.log(`# seed ${SEED}: ${draws.length} draws, ${agree} agree to the last digit a double holds, ` +
  `${neither} unknown to both, ${[...tally.values()].flat().length} differ for a reason, ` +
  `${unexplained.length} without one`);
for (const [reason, list] of tally) {
  console.log(`# ${list.length} x ${reason}`);
  const shown = process.env.ALL ? list.length : 3;
  for (const text of cut(list.map(line), shown)) console.log(`# ${text}`);
}
for (const text of cut(unexplained.map(line), 40)) console.log(`# UNEXPLAINED ${text}`);
const good = unexplained.length === 0 && agree >= draws.length / 2;
console.log(`${good ? 'ok' : 'not ok'} 1 - prices agree with the feed or say why not`);
process.exit(good ? 0 : 1);
