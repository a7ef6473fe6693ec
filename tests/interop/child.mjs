import { once } from "node:events";
import * as oauth from "openid-client";
import { access, anna, emil, errors, object, phone, play, refusal, signedIn } from "./stage.mjs";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const NAME = "Emil's phone";

const childs = () => phone({ client: access.child_app });

/** Anna's phone, and a drawing right for Emil. */
async function lent() {
  const parent = await signedIn();
  const right = { delegate: emil, limits: { per_payment: 20_000 } };
  const { id } = await object(parent.call("POST", `/v1/cards/${anna.card_id}/drawing-rights`, right));
  const path = `/v1/drawing-rights/${id}`;
  return { parent, path, letIn: (user_code, match) => object(parent.letIn(id, user_code, match)) };
}

/** A phone that asks to be let in, which nobody does. */
async function asking() {
  const app = await childs();
  const dpop_jkt = await app.DPoP.calculateThumbprint();
  const pairing = await oauth.initiateDeviceAuthorization(app.config, { scope: "child", device_name: NAME, dpop_jkt });
  return { app, pairing };
}

/** Ask once, without the library's patience. */
const poll = (app, { device_code }) =>
  oauth.genericGrantRequest(app.config, DEVICE_GRANT, { device_code }, { DPoP: app.DPoP });

await play({
  async is_let_in_by_the_parent() {
    const { parent, path, letIn } = await lent();
    const child = await childs();
    let asks, match;
    await child.pair(NAME, async (_, shown, qr) => {
      await once(errors, "authorization_pending"); // the library asks too early, and goes on
      const user_code = new URL(qr).searchParams.get("user_code");
      asks = await object(parent.call("GET", `/v1/pairings/${user_code}`));
      match = asks.match === shown;
      await letIn(user_code, shown);
    });
    const { token_type, scope } = child.tokens;
    const { limits } = await object(child.call("GET", path));
    await child.refresh();
    const me = await object(child.call("GET", "/v1/me"));
    const parents = await refusal(child.send("GET", "/v1/cards"));
    return { device: asks.device_name, match, token_type, scope, limit: limits.per_payment, me: me.name, parents };
  },

  async is_put_out_by_the_parent() {
    const { parent, path, letIn } = await lent();
    const child = await childs();
    await child.pair(NAME, letIn);
    await object(parent.call("POST", `${path}/unpair`));
    return { called: await refusal(child.send("GET", "/v1/me")), refreshed: await refusal(child.refresh()) };
  },

  async asks_again_at_once() {
    const { app, pairing } = await asking();
    return { first: await refusal(poll(app, pairing)), then: await refusal(poll(app, pairing)) };
  },

  async asks_with_another_key() {
    const { pairing } = await asking();
    return { refused: await refusal(poll(await childs(), pairing)) };
  },

  async asks_without_a_name() {
    const app = await childs();
    const dpop_jkt = await app.DPoP.calculateThumbprint();
    return { refused: await refusal(oauth.initiateDeviceAuthorization(app.config, { scope: "child", dpop_jkt })) };
  },
});
