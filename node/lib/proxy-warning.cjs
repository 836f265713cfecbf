/*
 * A server that can reach its provider through a proxy only, and says so in its environment, would see nothing but
 * timeouts: Node's fetch ignores the proxy variables by default. A warning, once per environment, says so.
 */
'use strict';

const isLoopback = (host) => host === 'localhost' || host === '[::1]' || /^127\./u.test(host);

/* The variable that names a proxy for this URL, or undefined. */
function proxyVariable({ protocol, hostname }) {
  const { env } = process;
  const names = protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY'];
  const excluded = (env.no_proxy || env.NO_PROXY || '').toLowerCase().split(/[\s,]+/u);
  const isExcluded = excluded.some(
    (entry) => entry === '*' || (entry !== '' && `.${hostname}`.endsWith(`.${entry.replace(/^\*?\./u, '')}`)),
  );
  return isExcluded || isLoopback(hostname) ? undefined : names.find((name) => env[name]);
}

/* Node 24 and 22.21 have a switch for it; a dispatcher that the application has set may do anything. */
function mayUseProxy() {
  const isTold = process.env.NODE_USE_ENV_PROXY === '1' || process.execArgv.includes('--use-env-proxy');
  const dispatcher = globalThis[Symbol.for('undici.globalDispatcher.1')];
  const isOwn = dispatcher !== undefined && dispatcher.constructor.name !== 'Agent';
  return isOwn || (isTold && process.allowedNodeEnvironmentFlags.has('--use-env-proxy'));
}

let hasWarned = false;
function warnOfUnusedProxy(url, ssrfSafe) {
  const name = hasWarned ? undefined : proxyVariable(new URL(url));
  if (name === undefined || (!ssrfSafe && mayUseProxy())) {
    return;
  }
  hasWarned = true;
  const why = ssrfSafe
    ? 'ssrfSafe connects directly'
    : 'the fetch of this Node does not use it: set NODE_USE_ENV_PROXY=1 (Node 24 or 22.21) or give a fetch that does';
  process.emitWarning(`${name} is set, but ${why}`, { type: 'FastBearerWarning', code: 'FASTBEARER_PROXY' });
}

module.exports = { mayUseProxy, warnOfUnusedProxy };
