import * as oauth from "openid-client";

/** A wallet app on one phone, or on a child's. `browse(url)` opens the system browser; it gives back the URL it ended at. */
export class WalletApp {
  static async connect({ bank, clientId, redirectUri, browse }) {
    const onLoopback = new URL(bank).hostname === "127.0.0.1"; // only the demo speaks plain HTTP
    const config = await oauth.discovery(new URL(bank), clientId, undefined, oauth.None(), {
      algorithm: "oauth2",
      execute: onLoopback ? [oauth.allowInsecureRequests] : [],
    });
    const key = await oauth.randomDPoPKeyPair("ES256"); // on a phone: once, in its key store, which never gives it away
    const DPoP = oauth.getDPoPHandle(config, key); // signs a proof for each request, and keeps the server's nonces
    return Object.assign(new WalletApp(), { bank, redirectUri, browse, config, DPoP });
  }

  /** Sign in with MitID; with a `purpose` to approve one thing. */
  async signIn(more = {}) {
    const verifier = oauth.randomPKCECodeVerifier();
    const state = oauth.randomState();
    const asked = {
      scope: "wallet",
      redirect_uri: this.redirectUri,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...more,
    };
    const url = await oauth.buildAuthorizationUrlWithPAR(this.config, asked, { DPoP: this.DPoP });
    const checks = { expectedState: state, pkceCodeVerifier: verifier }; // and `iss`, which the library checks by itself
    const back = await this.browse(url);
    this.tokens = await oauth.authorizationCodeGrant(this.config, back, checks, undefined, { DPoP: this.DPoP });
  }

  /** Each refresh gives a new refresh token, too: keep that one. */
  async refresh() {
    this.tokens = await oauth.refreshTokenGrant(this.config, this.tokens.refresh_token, undefined, { DPoP: this.DPoP });
  }

  /** Let a child's phone in. `show` puts the code on the screen, and the two digits that the parent will compare. */
  async pair(deviceName, show) {
    const dpop_jkt = await this.DPoP.calculateThumbprint();
    const asked = { scope: "child", device_name: deviceName, dpop_jkt };
    const pairing = await oauth.initiateDeviceAuthorization(this.config, asked);
    show(pairing.user_code, pairing.match);
    this.tokens = await oauth.pollDeviceAuthorizationGrant(this.config, pairing, undefined, { DPoP: this.DPoP });
  }

  /** Call the API; once more after a refresh, or after the approval that the answer asks for. */
  async call(method, path, body) {
    try {
      return await this.send(method, path, body);
    } catch (error) {
      const { error: reason, purpose } = error.cause?.[0]?.parameters ?? {}; // of WWW-Authenticate
      if (reason === "invalid_token") await this.refresh();
      else if (reason === "insufficient_user_authentication") await this.signIn({ purpose });
      else throw error;
      return this.send(method, path, body);
    }
  }

  async send(method, path, body) {
    const url = new URL(path, this.bank);
    const headers = new Headers({ "Content-Type": "application/json" });
    const token = this.tokens.access_token;
    const content = body && JSON.stringify(body);
    return oauth.fetchProtectedResource(this.config, token, url, method, content, headers, { DPoP: this.DPoP });
  }

  async signOut() {
    await oauth.tokenRevocation(this.config, this.tokens.refresh_token);
    this.tokens = undefined;
  }
}
