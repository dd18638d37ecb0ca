"""Blocks of YAML on the pages: settings of Prometheus. Here, since this Python has a reader for it (config/docs.sh --tools)."""

import sys
import unittest
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "py"))
import pages


class Yaml(unittest.TestCase):
    def test_what_prometheus_is_told(self):
        blocks = [block for page in pages.pages() for block in pages.blocks(page) if block.lang in ("yaml", "yml")]
        self.assertTrue(blocks)
        for block in blocks:
            with self.subTest(block.place):
                read = yaml.safe_load(block.text)
                self.assertEqual(list(read), ["scrape_configs"])
                for job in read["scrape_configs"]:
                    self.assertLessEqual(set(job), {"job_name", "metrics_path", "scheme", "scrape_interval", "authorization", "static_configs"})
                    self.assertTrue(job["job_name"] and job["metrics_path"].startswith("/v1/"))
                    for group in job["static_configs"]:
                        self.assertTrue(all(isinstance(target, str) for target in group["targets"]))


if __name__ == "__main__":
    unittest.main()
