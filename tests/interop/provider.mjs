// An OpenID Provider that none of us wrote: `oidc-provider`, which signs one person in at once, in names of its own.
//
// node provider.mjs CONFIG: {"port", "client": {"client_id", "redirect_uri", "jwks" or "secret"}, "jwks", "person"}.
// `login_hint` says what happens: `uuid:low` signs in at too low a level, `uuid:abort` says no, others sign in.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { client_id, redirect_uri, jwks, secret } = config.client;
const authentication = jwks
  ? { token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "ES256", jwks }
  : { token_endpoint_auth_method: "client_secret_basic", client_secret: secret };

const provider = new Provider(`http://127.0.0.1:${config.port}`, {
  clients: [{ client_id, redirect_uris: [redirect_uri], id_token_signed_response_alg: "ES256", ...authentication }],
  jwks: config.jwks,
  cookies: { keys: ["no secret: each test has a provider of its own"] },
  pkce: { methods: ["S256"], required: () => true },
  acrValues: ["level-2", "level-3"],
  claims: { openid: ["sub"], eid: ["person", "means"], number: ["national_number"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...config.person }) }),
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
    grant.addOIDCScope("openid eid number");
    await grant.save();
    return grant;
  },
});

async function interact(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const login = { accountId: "somebody", acr: params.login_hint === "uuid:low" ? "level-2" : "level-3" };
  const no = { error: "access_denied", error_description: "End-User aborted interaction" };
  await provider.interactionFinished(request, response, params.login_hint === "uuid:abort" ? no : { login });
}

const others = provider.callback();
createServer((request, response) => {
  const answer = request.url.startsWith("/interaction/") ? interact : others;
  Promise.resolve(answer(request, response)).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
}).listen(config.port, "127.0.0.1", () => console.log("ready"));
