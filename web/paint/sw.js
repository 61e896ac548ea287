// Keeps the page's files for use without a network, and adds the headers that let WebAssembly
// use threads. VERSION is written when the page is built and changes with every file.
const VERSION = 'dev', CACHE = `paint-${VERSION}`;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', e =>
  e.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter(k => k.startsWith('paint-') && k !== CACHE);
      await Promise.all(old.map(k => caches.delete(k)));
      await self.clients.claim();
    })(),
  ),
);

function isolated(answer) {
  const headers = new Headers(answer.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  const {status, statusText} = answer;
  return new Response(answer.body, {status, statusText, headers});
}

async function answer(event) {
  const {request} = event;
  const url = new URL(request.url);
  url.search = url.hash = '';
  if (url.pathname.endsWith('/')) url.pathname += 'index.html';
  const cache = await caches.open(CACHE), kept = await cache.match(url.href);
  if (kept) return isolated(kept);
  const got = await fetch(request);
  if (got.ok && got.type === 'basic') event.waitUntil(cache.put(url.href, got.clone()));
  return isolated(got);
}

self.addEventListener('fetch', e => {
  const inside = e.request.url.startsWith(self.registration.scope);
  if (e.request.method === 'GET' && inside) e.respondWith(answer(e));
});
