"""Readers of data files, and files of networks. Files may come from anyone: nothing in them is trusted."""
