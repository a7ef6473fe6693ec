import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import * as oauth from "openid-client";
import { access, anna, machine, object, play, signedIn, staff } from "./stage.mjs";
import { vouch } from "./wallet_server.mjs";

const redirect_uri = "https://pung.example/signed-in";

/** A new wallet, which the bank asks to vouch for its phones; its server has the key of the demo's wallet. */
async function registered() {
  const config = await machine("issuer");
  const { access_token } = await oauth.clientCredentialsGrant(config);
  const { kty, crv, x, y, kid } = access.machines.provider.private_jwk;
  const wallet = {
    kind: "wallet",
    name: "Pung",
    redirect_uris: [redirect_uri],
    jwks: { keys: [{ kty, crv, x, y, kid }] },
    app_attestation: "required",
  };
  const body = JSON.stringify(wallet);
  return object(staff(config, access_token, "POST", "/v1/issuer/requestors", { body }));
}

/** The phone's second key, for what is encrypted to it. */
async function encryptionKey() {
  const { publicKey } = await generateKeyPair("ECDH-ES", { crv: "P-256" });
  return exportJWK(publicKey);
}

await play({
  async comes_from_registration_to_a_card_on_a_phone() {
    const { clients } = await registered();
    const { client_id } = clients.find((client) => client.scope === "wallet");
    const app = await signedIn({ client: { client_id, redirect_uri } });
    const encryption_key = await encryptionKey();
    const device = { name: "Anna's phone", platform: "ios", encryption_key };
    const provision = (device) => app.call("POST", "/v1/tokens", { card: anna.card, device });
    const unknown = await provision(device);
    const thumbprints = [await app.DPoP.calculateThumbprint(), await calculateJwkThumbprint(encryption_key)];
    const provider_assertion = await vouch(access.machines.provider.private_jwk, ...thumbprints);
    const token = await object(provision({ ...device, provider_assertion }));
    const { errors } = await unknown.json();
    const scopes = clients.map((client) => client.scope).sort();
    return { scopes, unknown: unknown.status, named: errors[0].field, decision: token.decision };
  },
});
