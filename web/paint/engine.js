// The three graphs by onnxruntime-web: by WebGPU where the device has it and computes what it
// should, else by WebAssembly.

const RUNTIMES = {
  wasm: ['ort/ort.wasm.bundle.min.mjs', 'ort/ort-wasm-simd-threaded.wasm.gzipped'],
  webgpu: ['ort/ort.webgpu.bundle.min.mjs', 'ort/ort-wasm-simd-threaded.asyncify.wasm.gzipped'],
};
const GRAPHS = ['encoder', 'network', 'decoder'];

// A file's bytes; `said(bytes)` is called as they arrive.
async function fetched(path, said) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} could not be loaded (${answer.status})`);
  const reader = answer.body.getReader(), parts = [];
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    parts.push(value);
    said(value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// A server may have unpacked a gzipped file on the way.
async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function threads() {
  const cores = navigator.hardwareConcurrency || 1;
  return self.crossOriginIsolated ? Math.min(8, cores > 4 ? cores >> 1 : cores) : 1;
}

// Whether there is a GPU; one that is imitated in software counts only where it is asked for.
export async function hasGpu(forced) {
  try {
    const adapter = await navigator.gpu?.requestAdapter({powerPreference: 'high-performance'});
    return !!adapter && (forced || !adapter.info?.isFallbackAdapter);
  } catch {
    return false;
  }
}

// Start a kind of runtime; `said(share)` is called with the share of bytes that has arrived.
export async function start(kind, facts, sizes, said) {
  const [script, binary] = RUNTIMES[kind];
  const files = [binary, ...GRAPHS.map(g => `model/${g}.onnx`)];
  const all = files.reduce((s, f) => s + sizes[f], 0);
  let here = 0;
  const load = f => fetched(f, n => said(Math.min(1, (here += n) / all)));
  const [wasm, ...graphs] = await Promise.all(files.map(load));
  const ort = await import(`./${script}`);
  ort.env.wasm.wasmBinary = (await unpacked(wasm)).buffer;
  ort.env.wasm.numThreads = threads();
  ort.env.logLevel = 'error';
  const options = {executionProviders: [kind], graphOptimizationLevel: 'all', logSeverityLevel: 3};
  const sessions = {};
  for (let i = 0; i < GRAPHS.length; i++) {
    sessions[GRAPHS[i]] = await ort.InferenceSession.create(graphs[i], options);
  }
  const floats = (data, ...dims) => new ort.Tensor('float32', data, dims);
  const run = async (name, feeds) => {
    const out = await sessions[name].run(feeds);
    return out[sessions[name].outputNames[0]].data;
  };
  const c = facts.latent_channels, k = c + facts.condition_channels, f = facts.factor;
  const engine = {
    kind,
    encode: ({data, h, w}) =>
      run('encoder', {image: floats(data.map(v => 2 * v - 1), 1, 3, h, w)}),
    velocity: (x, h, w, t, style) =>
      run('network', {
        x: floats(x, 1, k, h, w),
        t: floats(Float32Array.of(t), 1),
        style: new ort.Tensor('int64', BigInt64Array.of(BigInt(style)), [1]),
      }),
    decode: async (x, h, w) => {
      const y = await run('decoder', {latent: floats(x, 1, c, h, w)});
      return {data: y.map(v => Math.min(1, Math.max(0, (v + 1) / 2))), h: f * h, w: f * w};
    },
  };
  await check(engine, facts);
  return engine;
}

// Compare some velocities with those that PyTorch gave when the page was built.
async function check(engine, facts) {
  const {side, time, style, every, velocity} = facts.check;
  const k = facts.latent_channels + facts.condition_channels;
  const x = Float32Array.from({length: k * side * side}, (_, i) => Math.sin(0.7 * i));
  const got = await engine.velocity(x, side, side, time, style);
  const off = Math.max(...velocity.map((v, i) => Math.abs(v - got[i * every])));
  if (!(off < 0.01)) throw new Error(`${engine.kind} computes other numbers than PyTorch (${off})`);
}
