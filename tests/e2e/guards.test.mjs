// What no module may do, what reducers may not do, and what waits: each by the whole list of its kind. The functions stay what
// they were (modules/guards.py looks at that when it is imported), the caller is told, the server and its worker go on.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { call, cleanFolders, module, serve } from "./lib/server.mjs";

after(cleanFolders);

/** It ends the process, or changes it for others: refused by every policy. */
const never = `
os._exit(3)|os.abort()|os.kill(os.getpid(), 9)|os.kill(0, 9)|os.kill(-1, 9)|os.killpg(os.getpgrp(), 9)|os.killpg(0, 9)
signal.raise_signal(11)|signal.pthread_kill(threading.get_ident(), 9)|signal.alarm(1)|signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)|signal.setitimer(signal.ITIMER_PROF, 0.01)|signal.pause()|signal.sigwait([signal.SIGTERM])
signal.sigwaitinfo([signal.SIGTERM])|signal.sigtimedwait([signal.SIGTERM], 100)|signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
__import__("faulthandler").dump_traceback_later(0.01, exit=True)|__import__("faulthandler").register(signal.SIGUSR1)|__import__("faulthandler").enable()|__import__("faulthandler")._sigsegv()
__import__("faulthandler")._sigabrt()|__import__("faulthandler")._read_null()|__import__("faulthandler")._stack_overflow()|__import__("_thread").interrupt_main()
os.fork()|os.forkpty()|os.execv("/bin/true", ["true"])|os.execve("/bin/true", ["true"], {})|os.execlp("true", "true")
os.setuid(65534)|os.seteuid(65534)|os.setreuid(1, 1)|os.setresuid(1, 1, 1)|os.setgid(65534)|os.setgroups([])|os.chroot("/")|os.umask(0)
os.nice(5)|os.setsid()|os.setpgid(0, 0)|os.setpriority(os.PRIO_PROCESS, 0, 5)|os.sched_setaffinity(0, [0])|os.chdir("/")|os.fchdir(0)
os.unshare(0)|os.closerange(3, 1000)|os.close(3)|os.close(0)|os.dup2(0, 2)|locale.setlocale(locale.LC_ALL, "C")|time.tzset()
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))|resource.prlimit(0, resource.RLIMIT_NOFILE, (16, 16))|socket.sethostname("x")
time.clock_settime(time.CLOCK_REALTIME, 0)|time.sleep.__self__.tzset.__call__()|__import__("posix")._exit(3)|getattr(os, "_exit")(3)
map(os._exit, [3]).__next__()|functools.partial(os._exit, 3)()|__import__("_imp").create_builtin(__import__("posix").__spec__)._exit(3)
sys._current_frames()|sys._current_exceptions()|__import__("_interpreters").exec(0, "")|__import__("_interpreters").run_string(0, "")
__import__("_interpreters").destroy(0)|open(3)|open(3, "wb", closefd=False)|io.FileIO(3)|os.fdopen(3)|select.epoll.fromfd(3)
`.trim().split(/[|\n]/);

/** Refused in reducers while io_in_reducers is "deny". */
const denied = `
time.sleep(0)|time.sleep(1000)|taken.acquire()|taken.acquire(timeout=1000)|taken.__enter__()|taken.acquire_lock()|threading.Event().wait()
threading.Condition(taken).wait_for(bool)|threading.Barrier(2).wait()|threading.Semaphore(0).acquire()|queue.SimpleQueue().get()
queue.SimpleQueue().get(timeout=1000)|queue.Queue().get()|os.eventfd_read(event)|os.eventfd(0)|os.read(pipe[0], 1)|os.write(pipe[1], b"x")
os.readv(pipe[0], [bytearray(1)])|os.pipe()|os.dup(0)|os.mkfifo("/tmp/never")|os.mknod("/tmp/never")|os.memfd_create("x")|os.openpty()
os.open("/dev/null", 0)|os.sync()|os.fsync(0)|os.lseek(pipe[0], 0, 0)|os.truncate("/tmp/never", 0)|os.waitpid(-1, 0)|os.wait()|os.wait3(0)
os.waitid(os.P_ALL, 0, os.WEXITED)|os.system("true")|os.posix_spawn("/bin/true", ["true"], {})|__import__("subprocess").run(["true"])
os.kill(os.getppid(), 0)|os.sched_yield()|os.set_blocking(pipe[0], False)|os.putenv("A", "b")|os.environ.__setitem__("A", "b")
os.unsetenv("A")|os.remove("/tmp/never")|os.getpid() and os.listxattr and os.setxattr("/tmp/never", "a", b"")|select.select([], [], [], 0)
select.poll().poll(0)|epoll.poll(0)|selectors.DefaultSelector().select(0)|pair[0].send(b"x")|pair[0].recv(1)|pair[0].sendall(b"x")
pair[0].recv_into(bytearray(1))|socket.socket()|socket.socketpair()|socket.getaddrinfo("localhost", 1)|asyncio.run(shown())
threading.Thread(target=print).start()|sys.setrecursionlimit(10**9)|sys.setswitchinterval(1)|sys.settrace(None)|sys.setprofile(None)
sys.addaudithook(print)|gc.freeze()|gc.disable()|gc.set_threshold(0)|sys.set_int_max_str_digits(0)|threading.stack_size(0)
socket.setdefaulttimeout(1)|input()|breakpoint()|open("/dev/null")|io.FileIO(pipe[0], closefd=False).read(1)
__import__("fcntl").flock(pipe[0], 2)|__import__("fcntl").fcntl(pipe[0], 1)|__import__("mmap").mmap(-1, 10)|sys.__stdin__ and io.open(0)
sys.monitoring.use_tool_id(3, "x")|sys.monitoring.set_events(0, 1)|sys.monitoring.register_callback(0, 1, print)|sys.monitoring.free_tool_id(0)
sys.monitoring.set_local_events(0, shown.__code__, 1)|sys.monitoring.restart_events()|atexit._clear()|atexit._run_exitfuncs()
threading.settrace_all_threads(print)|threading.setprofile_all_threads(print)|socket.socket(fileno=3)|socket.socket(fileno=pair[0].fileno())
socket.fromfd(pair[0].fileno(), 1, 1)|os.fdopen(pipe[0])|io.FileIO(pipe[0])|__import__("sqlite3").connect(":memory:")|__import__("tempfile").mkstemp()|__import__("shutil").rmtree("/tmp/never")
`.trim().split(/[|\n]/);

/** It waits without bound where policy lets it: ended at the reducer's limit, like a loop. */
const waits = `
time.sleep(1000)|time.sleep(1e30) if 0 else time.sleep(10**6)|taken.acquire()|taken.acquire(True, 1000)|taken.__enter__()|threading.Event().wait()
threading.Condition().__enter__() and threading.Semaphore(0).acquire()|threading.Barrier(2).wait()|queue.SimpleQueue().get()
queue.SimpleQueue().get(True, 1000)|queue.Queue().get()|os.eventfd_read(event)|os.read(pipe[0], 1)|os.readv(pipe[0], [bytearray(1)])
io.FileIO(pipe[0], closefd=False).read(1)|io.open(pipe[0], "rb", closefd=False).read(1)|select.select([pipe[0]], [], [])
select.select([], [], [], 1000)|select.poll().poll()|select.poll().poll(10**6)|epoll.poll()|epoll.poll(1000)|pair[0].recv(1)
pair[0].recv_into(bytearray(1))|pair[0].recvfrom(1)|asyncio.run(asyncio.sleep(1000))|selectors.DefaultSelector().select()
socket.create_server(("127.0.0.1", 0)).accept()|socket.create_connection(("10.255.255.1", 9)) if 0 else pair[1].recv(1)
__import__("subprocess").run(["sleep", "20"])|os.waitpid(os.posix_spawn("/bin/sleep", ["sleep", "20"], {}), 0)
[f := open("/dev/null"), g := open("/dev/null"), l := __import__("fcntl").flock, l(f, 2), l(g, 2)]
ctx.db.mark.insert_many(__import__("itertools").repeat(Mark()))|ctx.db.mark.insert_many(iter(int, 1))
`.trim().split(/[|\n]/);

/** What the call raised: the log is limited in rate, so the answer says it (--dev-errors). */
async function attempt(server, source) {
  const answer = await call(server, "guards", "attempt", [source]);
  const text = await answer.text();
  assert.equal(answer.status, 530, `${source}: ${answer.status} ${text}`);
  const fine = await call(server, "guards", "fine", []);
  assert.equal(fine.status, 200, `after ${source}: ${await fine.text()}`);
  return text;
}

/** Tries all; those whose log is another one are named together. */
async function each(server, sources, expected) {
  const wrong = [];
  for (const source of sources) {
    const log = await attempt(server, source).catch(error => error.message);
    if (!expected.test(log)) wrong.push(`${source}: ${log.trim().split("\n").at(-1)}`);
  }
  assert.deepEqual(wrong, []);
}

const REFUSED = /ForbiddenInReducer: (.+) is not allowed in a reducer: .{20}/;

for (const isolation of ["own-gil", "main"]) {
  const start = (...more) => serve(module("guards"), { flags: ["--memory", "--dev-errors", "--isolation", isolation, ...more,
    ...(isolation === "main" ? [] : ["--workers", "1"])] });

  test(`what ends or changes the server is refused by every policy (${isolation})`, async () => {
    for (const policy of ["deny", "allow"]) {
      const server = await start("--set", `reducer.io_in_reducers=${policy}`);
      assert.equal((await call(server, "guards", "works", [])).status, 200, server.output());
      await each(server, never.filter(source => isolation === "main" || !source.includes("faulthandler")), REFUSED);
      assert.equal(await server.stop(), 0, server.output());
    }
  });

  test(`what reads, writes, waits or changes the interpreter is denied (${isolation})`, async () => {
    const server = await start();
    await each(server, denied, REFUSED);
    assert.equal(await server.stop(), 0, server.output());
  });

  test(`what waits has the reducer's limit where it is allowed (${isolation})`, async () => {
    const server = await start("--set", "reducer.io_in_reducers=allow", "--set", "reducer.timeout_ms=150");
    await each(server, waits, /ReducerTimeout: the reducer ran longer than its limit/);
    assert.doesNotMatch(server.output(), /cannot be interrupted/);
    assert.equal(await server.stop(), 0, server.output());
  });
}

test("signals that somebody sends do not end the server", async () => {
  const server = await serve(module("guards"), { flags: ["--memory", "--workers", "2"] });
  for (const name of ["ALRM", "VTALRM", "PROF", "USR1", "USR2", "PIPE", "IO", "PWR", "XCPU", "XFSZ",
    "STKFLT", 34, 40, 64]) {
    execFileSync("kill", [`-${name}`, `${server.child.pid}`]);
    assert.equal((await call(server, "guards", "fine", [])).status, 200, `${name}`);
  }
  assert.equal(server.child.signalCode, null);
  assert.equal(await server.stop(), 0, server.output());
});
