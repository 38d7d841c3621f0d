"""`neglog bench`: neglog compared with torch eager and torch.compile on this machine."""
