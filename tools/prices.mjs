#!/usr/bin/env node
// Writes prices/book.txt from the price feed of npm @pydantic/genai-prices (pinned) and
// prices/corrections.csv. The same inputs give the same bytes.
//
//   node tools/prices.mjs            write prices/book.txt
//   node tools/prices.mjs --check    fail when it would change
//   node tools/prices.mjs --from TGZ use that tarball instead of `npm pack`
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const FEED = {
  name: '@pydantic/genai-prices',
  version: '0.1.8',
  sha512:
    'h7CYw6qTyflG2zUndO8tXyL8Xopf+tX9JZu13h0ZFgeyYj+J2gm1edR4+R+mbQ2vPdkFjtTmmmu1cYQPM5/KTA==',
};
const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

// ---- the feed -------------------------------------------------------------------------------

// The folder with the unpacked, verified package: what tools/setup brought, else fetched once into
// node_modules/.cache.
export function feedFolder(from) {
  const brought = join(ROOT, `.deps/genai-prices-${FEED.version}`);
  if (!from && existsSync(join(brought, 'dist/index.js'))) {
    return brought;
  }
  const cache = join(ROOT, 'node_modules/.cache/genai-prices', FEED.version);
  const file = from ?? join(cache, `pydantic-genai-prices-${FEED.version}.tgz`);
  mkdirSync(cache, { recursive: true });
  if (!existsSync(file)) {
    execFileSync('npm', ['pack', `${FEED.name}@${FEED.version}`, '--pack-destination', cache],
      { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const sum = createHash('sha512').update(readFileSync(file)).digest('base64');
  if (sum !== FEED.sha512) {
    throw new Error(`${file}: sha512 is ${sum}, not that of ${FEED.name} ${FEED.version}`);
  }
  if (!existsSync(join(cache, 'package/dist/index.js')) || from) {
    execFileSync('tar', ['xzf', file, '-C', cache]);
  }
  return join(cache, 'package');
}

// The data is a constant inside the bundled module, under a name the bundler chose and does not
// export: look at every array there is at the top level and take the one of providers.
export async function feedData(folder) {
  const text = readFileSync(join(folder, 'dist/index.js'), 'utf8');
  const names = new Set([...text.matchAll(/([\w$]+)\s*=\s*\[/g)].map((m) => m[1]));
  const looks = [...names].map((name) => `typeof ${name} === 'undefined' ? 0 : ${name}`);
  const module = join(folder, 'dist/data.mjs');
  writeFileSync(module, `${text}\nexport const arraysAtTopLevel = [${looks.join(', ')}];\n`);
  const { arraysAtTopLevel } = await import(pathToFileURL(module).href);
  const data = [...new Set(arraysAtTopLevel)].filter((value) => Array.isArray(value) &&
    value.length > 10 &&
    value.every((p) => typeof p?.id === 'string' && Array.isArray(p.models)));
  if (data.length !== 1) {
    throw new Error(`${data.length} arrays of providers in ${FEED.name} ${FEED.version}, wanted 1`);
  }
  return data[0];
}

// ---- exact decimals -------------------------------------------------------------------------

// A decimal as {units, decimals}: units / 10^decimals. JavaScript prints the shortest text that
// reads back as the same double, which is the decimal its author wrote.
function decimal(value) {
  const m = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value));
  if (!m) throw new Error(`not a price: ${value}`);
  let units = BigInt(m[1] + (m[2] ?? ''));
  let decimals = (m[2] ?? '').length - Number(m[3] ?? 0);
  if (decimals < 0) [units, decimals] = [units * 10n ** BigInt(-decimals), 0];
  return { units, decimals };
}

function multiply(a, b) {
  return { units: a.units * b.units, decimals: a.decimals + b.decimals };
}

// At most `places` decimals, half to even: tokens are priced in whole picodollars.
function rounded(value, places) {
  if (value.decimals <= places) return { value, exact: true };
  const scale = 10n ** BigInt(value.decimals - places);
  let units = value.units / scale;
  const twice = 2n * (value.units % scale);
  if (twice > scale || (twice === scale && units % 2n === 1n)) units += 1n;
  return { value: { units, decimals: places }, exact: value.units % scale === 0n };
}

function print({ units, decimals }) {
  const digits = units.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const rest = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return rest ? `${whole}.${rest}` : whole;
}

// ---- names to patterns ----------------------------------------------------------------------

// A pattern is alternatives joined by |, each of terms joined by &, each a glob (* any run, # one
// digit) or !glob. All lower case: names are compared so.
function glob(text) {
  if (/[|&!*#\s]/.test(text)) throw new Error(`a name with a pattern character: ${text}`);
  return text.toLowerCase();
}

const REGEXES = [
  [/^\^(?!\(\?)((?:[\w/-]|\\[.[\]]|\\d(?:\{\d+\})?|=)+)(\$?)$/, (m) => {
    const body = m[1].replace(/\\d\{(\d+)\}/g, (_, n) => '#'.repeat(Number(n)))
      .replace(/\\d/g, '#').replace(/\\(.)/g, '$1');
    return [[body.toLowerCase() + (m[2] ? '' : '*')]];
  }],
  [/^\^o\[134\]$/, () => [['o1*'], ['o3*'], ['o4*']]],
  [/^\^\(\?!\.\*-\[tT\]\[tT\]\[sS\]\(\?:\$\|-\)\)$/, () => [['!*-tts', '!*-tts-*']]],
  [/^\^\(\?!\[\^\/\]\+\/\)\(\?:labs-\)\?\(\?:\(\?:mi\|code\|dev\|magi\|mini\)stral\|mixtral\|pixtral\|voxtral\|open-\(\?:mistral\|mixtral\)\)$/,
    () => ['', 'labs-'].flatMap((lead) => ['mistral', 'codestral', 'devstral', 'magistral',
      'ministral', 'mixtral', 'pixtral', 'voxtral', 'open-mistral', 'open-mixtral']
      .map((name) => [`${lead}${name}*`, '!*/*']))],
];

// Alternatives of terms: [[a, b], [c]] is (a and b) or c.
function alternatives(match) {
  const [[kind, value]] = Object.entries(match);
  switch (kind) {
    case 'equals': return [[glob(value)]];
    case 'starts_with': return [[`${glob(value)}*`]];
    case 'ends_with': return [[`*${glob(value)}`]];
    case 'contains': return [[`*${glob(value)}*`]];
    case 'or': return value.flatMap(alternatives);
    case 'and': return value.map(alternatives)
      .reduce((left, right) => left.flatMap((a) => right.map((b) => [...a, ...b])));
    case 'regex': {
      for (const [shape, make] of REGEXES) {
        const found = shape.exec(value);
        if (found) return make(found);
      }
      throw new Error(`a regular expression no rule of tools/prices.mjs can write: ${value}`);
    }
    default: throw new Error(`an unknown kind of match: ${kind}`);
  }
}

function pattern(match) {
  return [...new Set(alternatives(match).map((terms) => terms.join('&')))].join('|');
}

export function matches(text, patterns) {
  return patterns.split('|').some((terms) => terms.split('&').every((term) => {
    const body = term.replace(/^!/, '').replace(/[.+?^${}()|[\]\\/]/g, '\\$&')
      .replace(/\*/g, '.*').replace(/#/g, '\\d');
    return new RegExp(`^${body}$`, 's').test(text.toLowerCase()) !== term.startsWith('!');
  }));
}

// ---- rows -----------------------------------------------------------------------------------

// Our name for what the feed prices; the rest has no usage class and goes to `other`.
const RATES = {
  input_mtok: 'input', cache_read_mtok: 'cache_read', cache_write_mtok: 'cache_write_5m',
  cache_write_1h_mtok: 'cache_write_1h', input_audio_mtok: 'input_audio',
  input_image_mtok: 'input_image', output_mtok: 'output', output_audio_mtok: 'output_audio',
  output_reasoning_mtok: 'reasoning', requests_kcount: 'request',
  web_searches_kcount: 'web_search',
};
const ORDER = ['input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio',
  'input_image', 'output', 'output_audio', 'reasoning', 'request', 'web_search'];
const FEES = new Set(['request', 'web_search']);
const UNKNOWN = '?';
const notes = [];

function rate(value, where) {
  const { value: exact, exact: whole } = rounded(decimal(value), 6);
  if (!whole) notes.push(`${where}: ${value} is written ${print(exact)}, whole picodollars`);
  return exact;
}

// The rows of one price of the feed: one for each context tier, each with every rate.
function contextRows(prices, where) {
  const starts = new Set([0]);
  for (const value of Object.values(prices)) {
    for (const tier of value?.tiers ?? []) starts.add(tier.start);
  }
  return [...starts].sort((a, b) => a - b).map((over) => {
    const row = { over, rates: {}, other: [] };
    for (const [key, value] of Object.entries(prices)) {
      let price = value?.tiers ? value.base : value;
      for (const tier of [...(value?.tiers ?? [])].sort((a, b) => a.start - b.start)) {
        if (over >= tier.start) price = tier.price;
      }
      if (RATES[key]) row.rates[RATES[key]] = rate(price, `${where} ${key}`);
      else row.other.push(`${key}=${print(decimal(price))}`);
    }
    return row;
  });
}

const clock = (text) => text.replace(/Z$/, '');

function modelRows(provider, model) {
  const where = `${provider.id} ${model.id}`;
  const entries = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  const dated = entries.filter((e) => e.constraint?.type !== 'time_of_date');
  const daily = entries.filter((e) => e.constraint?.type === 'time_of_date');
  const starts = dated.map((e) => e.constraint?.start_date ?? '');
  // The feed takes the last entry that holds: plain while dates ascend and windows come last.
  if (starts[0] !== '' || starts.some((s, i) => i > 0 && s <= starts[i - 1]) ||
      entries.slice(0, dated.length).some((e) => daily.includes(e))) {
    throw new Error(`${where}: its prices are not in the order this tool understands`);
  }
  return dated.flatMap((entry, i) => [entry, ...daily].flatMap((e) =>
    contextRows(e.prices, where).map((row) => ({
      ...row, from: starts[i], until: starts[i + 1] ?? '', tier: 'standard', region: '', days: '',
      window: e === entry ? '' : `${clock(e.constraint.start_time)}-${clock(e.constraint.end_time)}`,
      source: 1,
    }))));
}

// A price of nothing at all is a price only where the name says so.
function settleFree(model) {
  for (const row of model.rows) {
    if (Object.keys(row.rates).length === 0 && /:free$/.test(model.id)) {
      row.rates = { input: decimal(0), output: decimal(0) };
    }
  }
}

function bookOf(data) {
  const sources = [`npm ${FEED.name} ${FEED.version}`];
  const providers = data.map((p) => ({
    id: p.id, name: p.name, aka: p.provider_match ? [pattern(p.provider_match)] : [],
    infer: p.model_match ? [pattern(p.model_match)] : [], like: p.fallback_model_providers ?? [],
    see: p.pricing_urls?.[0] ?? '', note: p.price_comments ?? '',
    models: p.models.map((m) => ({
      id: m.id, match: pattern(m.match), note: m.price_comments ?? '', rows: modelRows(p, m),
    })),
  }));
  for (const provider of providers) provider.models.forEach(settleFree);
  return { sources, providers, aliases: [], infers: [] };
}

// ---- corrections ----------------------------------------------------------------------------

function readCorrections(text) {
  const lines = text.split('\n').map((line, i) => [i + 1, line])
    .filter(([, line]) => line !== '' && !line.startsWith('#'));
  const names = lines[0][1].split(',');
  return lines.slice(1).map(([line, value]) => {
    const fields = value.split(',');
    if (fields.length !== names.length) {
      throw new Error(`prices/corrections.csv:${line}: ${fields.length} fields, not ${names.length}`);
    }
    return { line, ...Object.fromEntries(names.map((name, i) => [name, fields[i]])) };
  });
}

function readRates(text) {
  const row = { over: 0, rates: {}, other: [] };
  for (const word of text.split(' ')) {
    const [name, value] = word.split('=');
    if (name === 'over') row.over = Number(value);
    else if (!ORDER.includes(name)) throw new Error(`no rate is called ${name}`);
    else row.rates[name] = value === UNKNOWN ? UNKNOWN : rate(value, text);
  }
  return row;
}

// Rates of a new tier or region. `classes` is *, then names with - (left to fall back) or ! (not known).
function scaledRates(rates, classes, factor) {
  const words = classes.split(' ');
  const out = {};
  for (const [name, value] of Object.entries(rates)) {
    if (words.includes(`-${name}`)) continue;
    if (words.includes(`!${name}`) || value === UNKNOWN) out[name] = UNKNOWN;
    else if (FEES.has(name)) out[name] = value;
    else out[name] = rounded(multiply(value, factor), 6).value;
  }
  return out;
}

const later = (a, b) => (a > b ? a : b);
const earlier = (a, b) => (a === '' ? b : b === '' || a < b ? a : b);

function clipped(row, fix) {
  const out = { ...row, from: later(row.from, fix.from), until: earlier(row.until, fix.until) };
  return out.until === '' || out.from < out.until ? [out] : [];
}

const ACTIONS = {
  alias: (book, fix) => book.aliases.push([fix.value, fix.provider]),
  infer: (book, fix) => book.infers.push([fix.value, fix.provider]),
  model(book, fix, provider) {
    // Before the feed's models, whose wider patterns would take its name.
    provider.models.unshift({ id: fix.model, match: fix.value, note: '', rows: [] });
  },
  price(book, fix, provider, models, source) {
    const row = { ...readRates(fix.value), from: fix.from, until: fix.until, window: '', days: '',
      tier: fix.tier || 'standard', region: fix.region, source };
    for (const model of models) model.rows.push(row);
  },
  multiply(book, fix, provider, models, source) {
    const factor = decimal(fix.value);
    for (const model of models) {
      model.rows.push(...model.rows
        .filter((row) => fix.tier === '*' || row.tier === 'standard')
        .filter((row) => row.region === '' && Object.keys(row.rates).length > 0)
        .flatMap((row) => clipped(row, fix)).map((row) => ({
          ...row, rates: scaledRates(row.rates, fix.classes, factor), source,
          tier: fix.tier === '*' ? row.tier : fix.tier, region: fix.region,
        })));
    }
  },
  derive(book, fix, provider, models) {
    const [factor, of] = fix.value.split('*');
    for (const row of models.flatMap((model) => model.rows)) {
      if (row.rates[fix.classes] !== undefined) continue;
      if (factor === UNKNOWN) row.rates[fix.classes] = UNKNOWN;
      else if (row.rates[of] !== undefined && row.rates.cache_write_5m !== undefined) {
        row.rates[fix.classes] = rounded(multiply(decimal(factor), row.rates[of]), 6).value;
      }
    }
  },
  windows(book, fix, provider, models, source) {
    for (const model of models) {
      model.rows = model.rows.flatMap((row) => {
        if (row.window === '') return [row];
        const after = clipped(row, fix).map((r) => ({ ...r, days: fix.value, source }));
        const before = fix.value === '' ? [] : clipped(row, { from: '', until: fix.from });
        return [...before, ...after];
      });
    }
  },
};

function applyCorrections(book, fixes) {
  for (const fix of fixes) {
    const provider = book.providers.find((p) => p.id === fix.provider);
    const action = ACTIONS[fix.action];
    const models = provider?.models.filter((m) => fix.model !== '' && matches(m.id, fix.model)) ?? [];
    const wantsModels = !['alias', 'infer', 'model'].includes(fix.action);
    if (!provider || !action || fix.source === '' || (wantsModels && models.length === 0)) {
      throw new Error(`prices/corrections.csv:${fix.line}: no such action, provider or model, or no source`);
    }
    if (!book.sources.includes(fix.source)) book.sources.push(fix.source);
    action(book, fix, provider, models, book.sources.indexOf(fix.source) + 1);
  }
}

// ---- text -----------------------------------------------------------------------------------

const oneLine = (text) => text.replace(/\s+/g, ' ').trim();

function rowText(row) {
  const words = [];
  for (const name of ['from', 'until', 'window', 'days', 'region']) {
    if (row[name] !== '') words.push(`${name}=${row[name]}`);
  }
  if (row.tier !== 'standard') words.push(`tier=${row.tier}`);
  if (row.over > 0) words.push(`over=${row.over}`);
  for (const name of ORDER) {
    const value = row.rates[name];
    if (value !== undefined) words.push(`${name}=${value === UNKNOWN ? UNKNOWN : print(value)}`);
  }
  if (row.source !== 1) words.push(`source=${row.source}`);
  if (row.other.length > 0) words.push(`other=${row.other.join(',')}`);
  return `price ${words.join(' ')}`.trimEnd();
}

const rowKey = (row) => [row.tier, row.region, row.from, row.window, row.days,
  String(row.over).padStart(9, '0')].join('\n');

function bookText(book) {
  const lines = [
    '# The price book: who charges what, from when. docs/prices.md explains every word of it.',
    '# Written by tools/prices.mjs from the sources below; edit prices/corrections.csv, not this.',
    '# Rates are USD per million tokens; request and web_search are USD per thousand.',
    'format bursar.prices/1',
    ...book.sources.map((source, i) => `source ${i + 1} ${source}`),
    ...[...new Set(notes)].map((note) => `# rounded: ${note}`),
    ...book.aliases.map(([names, id]) => `alias ${id} ${names}`),
    ...book.infers.map(([names, id]) => `infer ${id} ${names}`),
  ];
  for (const p of book.providers) {
    lines.push('', `provider ${p.id}`, `name ${oneLine(p.name)}`);
    for (const names of p.aka) lines.push(`aka ${names}`);
    for (const names of p.infer) lines.push(`means ${names}`);
    if (p.like.length > 0) lines.push(`like ${p.like.join(' ')}`);
    if (p.see) lines.push(`see ${p.see}`);
    if (p.note) lines.push(`note ${oneLine(p.note)}`);
    for (const m of p.models) {
      if (/\s/.test(m.id)) throw new Error(`a space in the name of model ${m.id}`);
      lines.push(`model ${m.id}`);
      if (m.match !== m.id.toLowerCase()) lines.push(`match ${m.match}`);
      if (m.note) lines.push(`note ${oneLine(m.note)}`);
      const standard = m.rows.filter((row) => row.tier === 'standard' && row.region === '');
      const rest = m.rows.filter((row) => !standard.includes(row))
        .sort((a, b) => (rowKey(a) < rowKey(b) ? -1 : 1));
      lines.push(...[...standard, ...rest].map(rowText));
    }
  }
  return `${lines.join('\n')}\n`;
}

async function main(args) {
  const from = args.includes('--from') ? args[args.indexOf('--from') + 1] : undefined;
  const book = bookOf(await feedData(feedFolder(from)));
  applyCorrections(book, readCorrections(readFileSync(join(ROOT, 'prices/corrections.csv'), 'utf8')));
  const text = bookText(book);
  const path = join(ROOT, 'prices/book.txt');
  if (args.includes('--check')) {
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
      throw new Error('prices/book.txt is not what tools/prices.mjs writes; run it and commit');
    }
    return;
  }
  writeFileSync(path, text);
  const rows = book.providers.flatMap((p) => p.models).flatMap((m) => m.rows).length;
  console.log(`prices/book.txt: ${book.providers.length} providers, ` +
    `${book.providers.flatMap((p) => p.models).length} models, ${rows} rows, ` +
    `${notes.length} rates rounded`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2)).catch((error) => {
    console.error(`prices: ${error.message}`);
    process.exit(1);
  });
}
