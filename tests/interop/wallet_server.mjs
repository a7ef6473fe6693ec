import { importJWK, SignJWT } from "jose";

/** Vouch for a phone that runs our app, by the thumbprints (RFC 7638) of its two keys. */
export async function vouch(privateJwk, signing_key, encryption_key) {
  const header = { alg: "ES256", typ: "provider-assertion+jwt", kid: privateJwk.kid };
  const assertion = new SignJWT({ signing_key, encryption_key }).setProtectedHeader(header).setIssuedAt();
  return assertion.sign(await importJWK(privateJwk, "ES256"));
}
