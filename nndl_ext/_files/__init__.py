"""Data files in the forms in which they come, and files of networks. They may be anybody's: nothing in them is trusted."""
