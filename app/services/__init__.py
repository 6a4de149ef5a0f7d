"""What the portal, the daemons and the command line all ask for."""
