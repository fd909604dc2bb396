"""Train an adapter on any CogVideoX bundle: the recipe of VIVID on anybody's clips."""
