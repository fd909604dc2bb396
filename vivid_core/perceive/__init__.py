"""What sees in the building of a dataset: engines that tag, detect, segment and describe."""
