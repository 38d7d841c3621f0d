"""`neglog bench`: neglog beside torch and beside torch.compile, on this machine."""
