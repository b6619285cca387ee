// Passkeys: ask the browser for the one that the form is about, and send what it answers as a field of it.

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const decode = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const known = (keys) => (keys ?? []).map((key) => ({ ...key, id: decode(key.id) }));

const create = async (options) => {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: decode(options.challenge),
      user: { ...options.user, id: decode(options.user.id) },
      excludeCredentials: known(options.excludeCredentials),
    },
  });
  const { response } = made;
  return answer(made, {
    clientDataJSON: encode(response.clientDataJSON),
    attestationObject: encode(response.attestationObject),
    transports: response.getTransports?.() ?? [],
  });
};

const show = async (options) => {
  const shown = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: decode(options.challenge),
      allowCredentials: known(options.allowCredentials),
    },
  });
  const { response } = shown;
  return answer(shown, {
    clientDataJSON: encode(response.clientDataJSON),
    authenticatorData: encode(response.authenticatorData),
    signature: encode(response.signature),
    userHandle: response.userHandle ? encode(response.userHandle) : undefined,
  });
};

const answer = (key, response) => ({ id: key.id, rawId: encode(key.rawId), type: key.type, response });

const ask = { creer: create, montrer: show };

for (const form of document.querySelectorAll("form[data-cle]")) {
  const failure = form.querySelector("[data-echec]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failure.hidden = true;
    try {
      form.elements.cle.value = JSON.stringify(await ask[form.dataset.cle](JSON.parse(form.dataset.options)));
    } catch {
      // Declined, out of time, or already there: the browser has said which, and tells us no more than it must.
      failure.hidden = false;
      return;
    }
    form.submit();
  });
}
