/** A certificate for a server or a client, each part as PEM text. */
export interface Certificates {
  /** The authority that signed it. */
  readonly ca: string;
  /** The certificate. */
  readonly cert: string;
  /** Its private key. */
  readonly key: string;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * Makes a private authority and a certificate signed by it, with the `openssl` command line. Both last for a day.
 *
 * @param names what the certificate is for, in OpenSSL's words
 *
 * @example
 * ```ts
 * import { makeCertificates } from "@events-pipeline/local";
 *
 * const { ca, cert, key } = await makeCertificates("DNS:localhost");
 * ```
 */
export async function makeCertificates(names: string = "DNS:localhost,IP:127.0.0.1"): Promise<Certificates> {
  const folder = await Deno.makeTempDir();
  const openssl = async (...args: readonly string[]): Promise<void> => {
    const { success, stderr } = await new Deno.Command("openssl", { args: [...args], cwd: folder }).output();
    if (!success) throw new Error(`Cannot make certificates: ${new TextDecoder().decode(stderr)}`);
  };
  try {
    await openssl("req", "-x509", ...KEY, "-days", "1", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem");
    await openssl("req", ...KEY, "-subj", "/CN=Test", "-keyout", "key.pem", "-out", "request.pem");
    await Deno.writeTextFile(`${folder}/names`, `subjectAltName=${names}\n`);
    await openssl(
      ...["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", "1", "-extfile", "names", "-out", "cert.pem"],
    );
    const read = (file: string): Promise<string> => Deno.readTextFile(`${folder}/${file}`);
    return { ca: await read("ca.pem"), cert: await read("cert.pem"), key: await read("key.pem") };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
