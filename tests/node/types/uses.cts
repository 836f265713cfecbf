/* The same package through require; never run. */
import fastbearer = require('fastbearer');
import testing = require('fastbearer/testing');

const verifier: fastbearer.Verifier = new fastbearer.Verifier({ secret: 'x'.repeat(32) });
const access: fastbearer.AccessToken = verifier.verifySync('x');
const provider: fastbearer.Verifier = new fastbearer.BearerAuthProvider({ publicKey: 'x', algorithm: ['RS256'] });
const started: Promise<testing.JWKSServer> = testing.JWKSServer.start();
const pair: fastbearer.KeyPair = fastbearer.RSAKeyPair.generateSync();

export = { access, pair, provider, started };
