"""What the tests of the checks share: a tree of a few files in a temporary folder, and a check that is run on it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest


class Check(unittest.TestCase):
    script = ''  # of this folder

    def run_check(self, files, *arguments):
        """(exit code, what it said); arguments are files of that tree."""
        with tempfile.TemporaryDirectory() as folder:
            top = pathlib.Path(folder)
            for name, text in files.items():
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text(text)
            command = [sys.executable, pathlib.Path(__file__).with_name(self.script), top, *(top / name for name in arguments)]
            ran = subprocess.run(command, capture_output=True, text=True)
            return ran.returncode, ran.stderr.strip()
