// Spans of an agent, sent by OpenTelemetry's own exporters of JavaScript.
//
//   node agent.mjs MODULES ENCODING RECEIVER [--gzip] < CALLS
//
// MODULES   folder whose node_modules has the exporters. ENCODING  proto or http, which is JSON.
// CALLS     JSON list; each {case, id, provider, model, usage: attributes by name}
import { createRequire } from 'node:module';
import { json } from 'node:stream/consumers';

const [modules, encoding, receiver] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const { BasicTracerProvider, BatchSpanProcessor } = load('@opentelemetry/sdk-trace-base');
const { resourceFromAttributes } = load('@opentelemetry/resources');
const { OTLPTraceExporter } = load(`@opentelemetry/exporter-trace-otlp-${encoding}`);
const api = load('@opentelemetry/api');

const exporter = new OTLPTraceExporter({
  url: `${receiver}/v1/traces`,
  compression: process.argv.includes('--gzip') ? 'gzip' : 'none',
});
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'sdk-agent', 'bursar.workflow': 'claims' }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer('agent');
for (const call of await json(process.stdin)) { // read at once, a pipe may say EAGAIN
  const work = tracer.startSpan('work', { attributes: { 'bursar.case.id': call.case } });
  const inside = api.trace.setSpan(api.ROOT_CONTEXT, work);
  tracer.startSpan(`chat ${call.model}`, {
    kind: api.SpanKind.CLIENT,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': call.provider,
      'gen_ai.request.model': call.model,
      'gen_ai.response.model': call.model,
      'gen_ai.response.id': call.id,
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.request.temperature': 0.5,
      ...call.usage,
    },
  }, inside).end();
  work.end();
}
await provider.shutdown();
