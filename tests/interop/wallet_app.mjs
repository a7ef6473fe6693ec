import * as oauth from "openid-client";

/** The app on one phone. `browse(url)` opens the system browser and gives back the URL of ours that it ended at. */
export class WalletApp {
  static async connect({ bank, clientId, redirectUri, browse }) {
    const isDemo = new URL(bank).hostname === "127.0.0.1"; // which alone speaks plain HTTP
    const config = await oauth.discovery(new URL(bank), clientId, undefined, oauth.None(), {
      algorithm: "oauth2",
      execute: isDemo ? [oauth.allowInsecureRequests] : [],
    });
    const key = await oauth.randomDPoPKeyPair("ES256"); // on a phone: made once, in the key store, and never leaves it
    const DPoP = oauth.getDPoPHandle(config, key);
    return Object.assign(new WalletApp(), { bank, redirectUri, browse, config, DPoP });
  }

  /** Sign in with MitID; with `{ purpose }`, approve one thing. */
  async signIn(more = {}) {
    const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
    const expectedState = oauth.randomState();
    const asked = {
      scope: "wallet",
      redirect_uri: this.redirectUri,
      state: expectedState,
      code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
      ...more,
    };
    const url = await oauth.buildAuthorizationUrlWithPAR(this.config, asked, { DPoP: this.DPoP });
    const back = await this.browse(url);
    const checks = { expectedState, pkceCodeVerifier }; // and `iss`: the library looks at it by itself
    this.tokens = await oauth.authorizationCodeGrant(this.config, back, checks, undefined, { DPoP: this.DPoP });
  }

  /** A refresh token counts once, so never two refreshes at a time. Both tokens are new: keep them before all else. */
  async refresh() {
    this.refreshing ??= oauth.refreshTokenGrant(this.config, this.tokens.refresh_token, {}, { DPoP: this.DPoP });
    try {
      this.tokens = await this.refreshing;
    } finally {
      this.refreshing = undefined;
    }
  }

  /** A child's phone asks to be let in. `show` puts the code on its screen, as QR too, and the digits to compare. */
  async pair(deviceName, show) {
    const dpop_jkt = await this.DPoP.calculateThumbprint();
    const asked = { scope: "child", device_name: deviceName, dpop_jkt };
    const pairing = await oauth.initiateDeviceAuthorization(this.config, asked);
    show(pairing.user_code, pairing.match, pairing.verification_uri_complete);
    this.tokens = await oauth.pollDeviceAuthorizationGrant(this.config, pairing, undefined, { DPoP: this.DPoP });
  }

  /** A parent lets a phone in: `user_code` out of the QR, `match` as it stands on that phone's screen. */
  letIn(rightId, user_code, match) {
    return this.call("POST", `/v1/drawing-rights/${rightId}/pair`, { user_code, match });
  }

  /** Call the API; once more after a refresh, or after the approval that the first answer asks for. */
  async call(method, path, body) {
    try {
      return await this.send(method, path, body);
    } catch (refused) {
      const { error, purpose } = refused.cause?.[0]?.parameters ?? {}; // of WWW-Authenticate
      if (error === "invalid_token") await this.refresh();
      else if (error === "insufficient_user_authentication") await this.signIn({ purpose });
      else throw refused;
      return this.send(method, path, body);
    }
  }

  send(method, path, body) {
    const url = new URL(path, this.bank);
    const headers = new Headers({ "Content-Type": "application/json" });
    const { access_token } = this.tokens;
    const options = { DPoP: this.DPoP };
    return oauth.fetchProtectedResource(this.config, access_token, url, method, JSON.stringify(body), headers, options);
  }

  async signOut() {
    await oauth.tokenRevocation(this.config, this.tokens.refresh_token);
    this.tokens = undefined;
  }
}
