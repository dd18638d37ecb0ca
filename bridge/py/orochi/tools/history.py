"""What was typed at a prompt is there again the next time."""

import os


def begin(path):
    """Reads the history of that file; what it gives keeps it, for its owner alone. Where it cannot be read or written there is none."""
    import readline
    path = os.path.expanduser(path)
    try:
        readline.read_history_file(path)
    except OSError:
        pass

    def keep():
        readline.set_history_length(1000)
        try:
            readline.write_history_file(path)
            os.chmod(path, 0o600)
        except OSError:
            pass
    return keep
