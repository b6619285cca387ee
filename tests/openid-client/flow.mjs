// What an application does with a provider, by the library `openid-client`: nothing of the protocol is written here.
//
// Standard input holds, line by line, what it works with (JSON), then where the browser came back to for each sign-in.
// Standard output holds, line by line, where to send the browser; the last line says what was seen.
import { createInterface } from 'node:readline'
import * as client from 'openid-client'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => (await lines.next()).value
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

const { issuer, redirection, key, resource } = JSON.parse(await read())
// The provider of the tests is on the loopback address, without TLS.
const options = { execute: [client.allowInsecureRequests] }

async function signIn(config, parameters, { pushed, DPoP } = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const asked = {
    redirect_uri: redirection,
    scope: 'openid profile email',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  }
  const url = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP })
    : client.buildAuthorizationUrl(config, asked)
  write({ browser: url.href })
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
  return client.authorizationCodeGrant(config, new URL(await read()), checks, undefined, { DPoP })
}

async function refusal(promise) {
  try {
    await promise
  } catch (error) {
    return error.error ?? error.code ?? error.name
  }
  return null
}

// The mobile application: public, its request pushed, its tokens bound to a key that cannot be taken out.
const mobile = await client.discovery(new URL(issuer), 'mobile', undefined, client.None(), options)
const DPoP = client.getDPoPHandle(mobile, await client.randomDPoPKeyPair('ES256'))
const first = await signIn(mobile, { login_hint: 'camille@ac-creteil.fr' }, { pushed: true, DPoP })
const subject = first.claims().sub
const person = await client.fetchUserInfo(mobile, first.access_token, subject, { DPoP })
const answer = await client.fetchProtectedResource(
  mobile,
  first.access_token,
  new URL(resource),
  'POST',
  JSON.stringify({ query: '{ moi { prenom } }' }),
  new Headers({ 'content-type': 'application/json' }),
  { DPoP },
)
const graphql = await answer.json()
const second = await client.refreshTokenGrant(mobile, first.refresh_token, undefined, { DPoP })
const stranger = client.getDPoPHandle(mobile, await client.randomDPoPKeyPair('ES256'))
const stolen = await refusal(client.refreshTokenGrant(mobile, second.refresh_token, undefined, { DPoP: stranger }))

// The backend: confidential by its key, in the browser where the person is signed in already.
const signing = { key: await crypto.subtle.importKey('jwk', key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']), kid: key.kid }
const backend = await client.discovery(new URL(issuer), 'dorsal', undefined, client.PrivateKeyJwt(signing), options)
const third = await signIn(backend, { scope: 'openid', prompt: 'none' }, { pushed: true })
const alive = await client.tokenIntrospection(backend, second.access_token)
await client.tokenRevocation(mobile, second.refresh_token)
const ended = await client.tokenIntrospection(backend, second.access_token)
const reused = await refusal(client.refreshTokenGrant(mobile, second.refresh_token, undefined, { DPoP }))
const renewed = await client.refreshTokenGrant(backend, third.refresh_token)

// The machine: no person at all.
const machine = await client.discovery(new URL(issuer), 'machine', undefined, client.PrivateKeyJwt(signing), options)
const flow = await client.clientCredentialsGrant(machine)

write({
  browser: null,
  subject,
  name: person.name,
  graphql,
  bound: [first.token_type, second.token_type],
  stolen,
  introspected: [alive.active, alive.sub, alive.token_type, ended.active],
  reused,
  backend: [third.claims().sub, renewed.claims() === undefined || renewed.claims().sub === subject],
  flow: [flow.token_type, flow.scope, flow.refresh_token === undefined],
  logout: client.buildEndSessionUrl(backend, { id_token_hint: third.id_token }).href,
})
process.exit(0)
