import * as oauth from "openid-client";
import { machine, object, play, refusal, staff } from "./stage.mjs";

await play({
  async gets_a_token_by_private_key_jwt() {
    const config = await machine("issuer");
    const { token_type, scope, access_token } = await oauth.clientCredentialsGrant(config, { scope: "issuer" });
    const { data } = await object(staff(config, access_token, "GET", "/v1/issuer/policies"));
    return { token_type, scope, policies: data.map((policy) => policy.name) };
  },

  async binds_its_token_to_a_key() {
    const config = await machine("issuer");
    const DPoP = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair("ES256"));
    const { token_type, access_token } = await oauth.clientCredentialsGrant(config, {}, { DPoP });
    const { status } = await staff(config, access_token, "GET", "/v1/issuer/policies", { DPoP });
    return { token_type, status, unproved: await refusal(staff(config, access_token, "GET", "/v1/issuer/policies")) };
  },

  async signs_with_the_key_of_another() {
    const config = await machine("issuer", { keyOf: "network" });
    return { refused: await refusal(oauth.clientCredentialsGrant(config)) };
  },

  async asks_for_the_scope_of_another() {
    const config = await machine("network");
    return { refused: await refusal(oauth.clientCredentialsGrant(config, { scope: "issuer" })) };
  },
});
