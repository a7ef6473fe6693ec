/** A system browser, and the person before it: the mock broker signs `uuid` in without a page, by `login_hint`. */
export function browser(redirectUri, uuid) {
  const jars = new Map();
  return async (address) => {
    let url = address;
    for (let steps = 0; steps < 10; steps += 1) {
      const jar = jars.get(url.host) ?? new Map();
      const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
      const answer = await fetch(url, { redirect: "manual", headers: { cookie } });
      for (const set of answer.headers.getSetCookie()) jar.set(...set.split(";")[0].split("=", 2));
      jars.set(url.host, jar);
      if (!answer.headers.has("location")) throw new Error(`the browser stopped at ${url.pathname}: ${answer.status}`);
      url = new URL(answer.headers.get("location"), url);
      if (url.href.startsWith(`${redirectUri}?`)) return url;
      if (url.searchParams.has("idp_values")) url.searchParams.set("login_hint", `uuid:${uuid}`);
    }
    throw new Error("too many redirects");
  };
}
