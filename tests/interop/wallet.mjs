import { calculateJwkThumbprint, CompactEncrypt, compactDecrypt, exportJWK, generateKeyPair, importJWK } from "jose";
import * as oauth from "openid-client";
import { access, anna, bank, machine, object, play, signedIn, staff } from "./stage.mjs";
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

/** The card, for nobody between the phone and the bank to read. */
async function encrypted(card) {
  const { keys } = await object(fetch(new URL("/oauth/jwks", bank)));
  const jwk = keys.find(({ use }) => use === "enc");
  const plain = new TextEncoder().encode(JSON.stringify(card));
  const header = { alg: "ECDH-ES", enc: "A256GCM", kid: jwk.kid };
  return new CompactEncrypt(plain).setProtectedHeader(header).encrypt(await importJWK(jwk, "ECDH-ES"));
}

await play({
  async comes_from_registration_to_a_card_on_a_phone() {
    const { clients } = await registered();
    const { client_id } = clients.find((client) => client.scope === "wallet");
    const app = await signedIn({ client: { client_id, redirect_uri } });
    const { privateKey, publicKey } = await generateKeyPair("ECDH-ES", { crv: "P-256" });
    const encryption_key = await exportJWK(publicKey);
    const device = { name: "Anna's phone", platform: "ios", encryption_key };
    const encrypted_card = await encrypted(anna.card);
    const provision = (device) => app.call("POST", "/v1/tokens", { encrypted_card, device });
    const unknown = await provision(device);
    const thumbprints = [await app.DPoP.calculateThumbprint(), await calculateJwkThumbprint(encryption_key)];
    const provider_assertion = await vouch(access.machines.provider.private_jwk, ...thumbprints);
    const token = await object(provision({ ...device, provider_assertion }));
    const path = `/v1/tokens/${token.id}`;
    const pin_key = Buffer.alloc(32, 7).toString("base64url");
    const { status } = await object(app.call("POST", `${path}/activate`, { pin_key }));
    const { keys } = await object(app.call("POST", `${path}/keys`));
    const { plaintext } = await compactDecrypt(keys, privateKey);
    return {
      scopes: clients.map((client) => client.scope).sort(),
      unknown: { status: unknown.status, field: (await unknown.json()).errors[0].field },
      status,
      payment_keys: JSON.parse(new TextDecoder().decode(plaintext)).keys.length,
    };
  },
});
