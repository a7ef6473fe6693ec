"""Sign-in and access: the authorisation server, MitID, and who may do what."""
