// What the flows share. One flow is `node FILE NAME access.json`: it prints one line of JSON, which its test looks at.
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { importJWK } from "jose";
import * as oauth from "openid-client";
import { browser } from "./browser.mjs";
import { WalletApp } from "./wallet_app.mjs";

export const access = JSON.parse(readFileSync(argv[3]));
export const bank = access.base_url;
export const { anna, emil } = access.people;

/** Emits each error that the server answers with, also those that the library deals with by itself. */
export const errors = new EventEmitter();
let nonces = 0;
errors.on("use_dpop_nonce", () => (nonces += 1));

const send = globalThis.fetch;
globalThis.fetch = async (...request) => {
  const answer = await send(...request);
  const challenge = /error="(\w+)"/.exec(answer.headers.get("www-authenticate"))?.[1];
  if (!answer.ok) errors.emit(challenge ?? (await answer.clone().json().catch(() => ({}))).error);
  return answer;
};

/** Run the flow that was named. `nonces` is how often the server asked for a DPoP nonce (RFC 9449 section 8). */
export async function play(flows) {
  const seen = await flows[argv[2]]();
  console.log(JSON.stringify({ ...seen, nonces }));
}

/** The app on a phone, with Anna before it unless somebody else is named. */
export async function phone({ uuid = anna.mitid_uuid, client = access.wallet_app } = {}) {
  const { client_id: clientId, redirect_uri: redirectUri } = client;
  return WalletApp.connect({ bank, clientId, redirectUri, browse: browser(redirectUri, uuid) });
}

/** The same, signed in. */
export async function signedIn(who) {
  const app = await phone(who);
  await app.signIn();
  return app;
}

/** A machine of the demo, with another's key if that is named. */
export async function machine(name, { keyOf = name } = {}) {
  const { private_jwk } = access.machines[keyOf];
  const signing = oauth.PrivateKeyJwt({ key: await importJWK(private_jwk, "ES256"), kid: private_jwk.kid });
  const options = { algorithm: "oauth2", execute: [oauth.allowInsecureRequests] };
  return oauth.discovery(new URL(bank), access.machines[name].client_id, {}, signing, options);
}

/** A call of the bank's own system, for a member of its staff. */
export function staff(config, token, method, path, { body, ...options } = {}) {
  const headers = new Headers({ "X-Actor": "Mette", "Content-Type": "application/json" });
  return oauth.fetchProtectedResource(config, token, new URL(path, bank), method, body, headers, options);
}

/** The JSON object of an answer that is a success. */
export async function object(answering) {
  const answer = await answering;
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** How the library tells of a refusal: its type of error, and what the server said. Null where nothing was refused. */
export async function refusal(asking) {
  try {
    await asking;
    return null;
  } catch (error) {
    const said = error instanceof oauth.WWWAuthenticateChallengeError ? error.cause[0].parameters.error : error.error;
    return { type: error.constructor.name, error: said ?? error.code };
  }
}
