"""From a name to a model: the hub, folders, devices and number formats."""
