import threading
from orochi import *
@reducer
def start(ctx: ReducerContext):
    threading.Thread(target=print).start()
