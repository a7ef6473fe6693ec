"""Who somebody is: our side of the MitID broker, what it says, and whose MitID that is."""
