import mmap, os, socket, subprocess, threading, time
from orochi import *
time.sleep(0)  # while the module loads it is no harm
@reducer
def sleep(ctx): time.sleep(0.001)
@reducer
def write(ctx): open('/tmp/never-written', 'w')
@reducer
def read(ctx): open('/etc/hostname').read()
@reducer
def connect(ctx): socket.socket()
@reducer
def process(ctx): os.system('true')
@reducer
def remove(ctx): os.remove('/tmp/never-there')
@reducer
def leave(ctx): os._exit(0)
@reducer
def abort(ctx):
    import posix
    posix.abort()
@reducer
def descend(ctx): os.read(0, 1)
@reducer
def wait(ctx): threading.Event().wait()
@reducer
def look(ctx): os.chdir('/')
@reducer
def map(ctx): mmap.mmap(-1, 4096)
@reducer
def thread(ctx): threading.Thread(target=abs).start()
@reducer
def ask(ctx): input()
@reducer
def imports(ctx):
    import colorsys, zoneinfo
    zoneinfo.ZoneInfo('UTC')
@reducer
def caught(ctx):
    try: time.sleep(1)
    except ForbiddenInReducer as e: assert 'time.sleep is not allowed in a reducer' in str(e)
    else: assert False
