// The project's own server in a process that can be killed, and a way to it that can be cut.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PYTHON = process.env["QM_PYTHON"] ?? join(ROOT, ".venv/bin/python");
const SCRIPT = fileURLToPath(new URL("../scripts/serve.py", import.meta.url));

/** A server over a vault in a folder of its own, which outlives its processes. */
export class RealServer {
  url = "";
  key = "";
  #process: ChildProcess | null = null;

  private constructor(private readonly folder: string) {}

  static async started(): Promise<RealServer> {
    const made = new RealServer(await mkdtemp(join(tmpdir(), "qm-client-")));
    await made.start();
    return made;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async start(): Promise<void> {
    const port = this.url === "" ? "0" : String(this.port);
    const env = { ...process.env, PYTHONPATH: `${ROOT}src:${ROOT}`, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
    const child = spawn(PYTHON, [SCRIPT, this.folder, port], { cwd: ROOT, env, stdio: ["pipe", "pipe", "inherit"] });
    this.#process = child;
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code} before it served`)));
    });
    ({ url: this.url, key: this.key } = JSON.parse(line) as { url: string; key: string });
  }

  /** As when the machine goes: nothing is said to anybody. */
  kill(): Promise<void> {
    return this.#gone((child) => child.kill("SIGKILL"));
  }

  /** In good order. */
  stop(): Promise<void> {
    return this.#gone((child) => child.stdin?.end());
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #gone(end: (child: ChildProcess) => void): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    end(child);
    await exited;
  }
}

/** What stands between a client and a server, and passes on what it likes. */
export class Line {
  /** Called with each piece of an answer; what it returns false for is lost, and its connection with it. */
  passes: (piece: Buffer) => boolean = () => true;
  /** Called with each piece of an answer, which goes on when this is over. */
  hold: (piece: Buffer) => Promise<void> = () => Promise.resolve();
  /** Whether new connections are refused. */
  down = false;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(private readonly port: number) {
    this.#server = createServer((near) => this.#join(near));
  }

  static async to(server: RealServer): Promise<Line> {
    const made = new Line(server.port);
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const one of this.#sockets) one.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    const far = connect(this.port, "127.0.0.1");
    const both = [near, far];
    const over = (): void => both.forEach((one) => one.destroy());
    for (const one of both) {
      this.#sockets.add(one);
      one.on("error", over).on("close", () => (over(), this.#sockets.delete(one)));
    }
    if (this.down) return over();
    near.on("data", (piece) => far.write(piece));
    far.on("data", (piece) => (this.passes(piece) ? void this.hold(piece).then(() => near.write(piece)) : over()));
  }
}

/** Waits until something is so. */
export async function until(so: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await so()); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (Date.now() > end) throw new Error("it did not come to be so in time");
}
