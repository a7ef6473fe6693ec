import { allowInsecureRequests, validateJwtAccessToken } from "oauth4webapi";
import * as oauth from "openid-client";
import { anna, bank, emil, object, phone, play, refusal, signedIn } from "./stage.mjs";

const me = async (app) => (await object(app.call("GET", "/v1/me"))).name;

/** A sign-in up to the address that the browser comes back to; pushed (PAR) or not. */
async function begun(app, { pushed = true, ...more } = {}) {
  const verifier = oauth.randomPKCECodeVerifier();
  const state = oauth.randomState();
  const asked = {
    scope: "wallet",
    redirect_uri: app.redirectUri,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...more,
  };
  const url = pushed
    ? await oauth.buildAuthorizationUrlWithPAR(app.config, asked, { DPoP: app.DPoP })
    : oauth.buildAuthorizationUrl(app.config, asked);
  return { back: await app.browse(url), checks: { expectedState: state, pkceCodeVerifier: verifier } };
}

const redeem = (app, { back, checks }) =>
  oauth.authorizationCodeGrant(app.config, back, checks, undefined, { DPoP: app.DPoP });

const refresh = (app, token) => oauth.refreshTokenGrant(app.config, token, undefined, { DPoP: app.DPoP });

await play({
  async signs_in() {
    const app = await signedIn();
    const { token_type, scope, expires_in } = app.tokens;
    return { token_type, scope, expires_in, me: await me(app) };
  },

  async signs_in_without_par() {
    const app = await phone();
    const dpop_jkt = await app.DPoP.calculateThumbprint();
    app.tokens = await redeem(app, await begun(app, { pushed: false, dpop_jkt }));
    return { me: await me(app) };
  },

  async redeems_a_code_with_another_key() {
    const [app, other] = [await phone(), await phone()];
    return { refused: await refusal(redeem(other, await begun(app))) };
  },

  async redeems_a_code_with_another_verifier() {
    const app = await phone();
    const { back, checks } = await begun(app);
    const other = { ...checks, pkceCodeVerifier: oauth.randomPKCECodeVerifier() };
    return { refused: await refusal(redeem(app, { back, checks: other })) };
  },

  async redeems_a_code_twice() {
    const app = await phone();
    const started = await begun(app);
    app.tokens = await redeem(app, started);
    const before = await me(app);
    const refused = await refusal(redeem(app, started));
    return { before, refused, afterwards: await refusal(app.send("GET", "/v1/me")) };
  },

  async meets_the_answer_of_another_server() {
    const app = await phone();
    const { back, checks } = await begun(app);
    back.searchParams.set("iss", "https://attacker.example");
    return { refused: await refusal(redeem(app, { back, checks })) };
  },

  async meets_the_answer_to_another_request() {
    const app = await phone();
    const [one, other] = [await begun(app), await begun(app)];
    return { refused: await refusal(redeem(app, { back: one.back, checks: other.checks })) };
  },

  async is_refused_by_mitid() {
    const app = await phone({ uuid: "00000000-0000-4000-8000-000000000000" });
    return { refused: await refusal(app.signIn()) };
  },

  async names_an_address_that_is_not_registered() {
    const app = await phone();
    app.redirectUri += "/";
    return { refused: await refusal(app.signIn()) };
  },

  async refreshes() {
    const app = await signedIn();
    const first = app.tokens;
    await app.refresh();
    const is_new = ["access_token", "refresh_token"].map((name) => app.tokens[name] !== first[name]);
    return { is_new, me: await me(app) };
  },

  async refreshes_once_for_two_calls() {
    const app = await signedIn();
    app.tokens = { ...app.tokens, access_token: "too.old.already" };
    const both = await Promise.all([me(app), me(app)]);
    await app.refresh();
    return { both, afterwards: await me(app) };
  },

  async refreshes_with_a_token_that_was_used() {
    const app = await signedIn();
    const first = app.tokens.refresh_token;
    await app.refresh();
    await app.refresh();
    const refused = await refusal(refresh(app, first));
    const newest = await refusal(app.refresh());
    return { refused, newest, afterwards: await refusal(app.send("GET", "/v1/me")) };
  },

  async refreshes_with_another_key() {
    const [app, other] = [await signedIn(), await phone()];
    return { refused: await refusal(refresh(other, app.tokens.refresh_token)), me: await me(app) };
  },

  async steps_up() {
    const app = await signedIn();
    const right = { delegate: emil, limits: { per_payment: 20_000 } };
    const asked = ["POST", `/v1/cards/${anna.card_id}/drawing-rights`, right];
    const error = await app.send(...asked).catch((error) => error);
    return { challenge: error.cause[0], status: (await app.call(...asked)).status };
  },

  async sends_its_token_without_a_proof() {
    const app = await signedIn();
    const url = new URL("/v1/me", bank);
    return { refused: await refusal(oauth.fetchProtectedResource(app.config, app.tokens.access_token, url, "GET")) };
  },

  async shows_its_token_to_a_server_of_others() {
    const app = await signedIn();
    let seen;
    app.config[oauth.customFetch] = (...request) => fetch((seen = new Request(...request)));
    await me(app);
    const server = app.config.serverMetadata();
    const claims = await validateJwtAccessToken(server, seen, bank, { [allowInsecureRequests]: true, requireDPoP: true });
    const { scope, acr, auth_time } = claims;
    return { scope, acr, signed_in_just_now: Math.abs(Date.now() / 1000 - auth_time) < 60 };
  },

  async signs_out() {
    const app = await signedIn();
    const { access_token, refresh_token } = app.tokens;
    await app.signOut();
    app.tokens = { access_token, refresh_token };
    return { called: await refusal(app.send("GET", "/v1/me")), refreshed: await refusal(app.refresh()) };
  },
});
