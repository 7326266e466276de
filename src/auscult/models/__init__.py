"""The model file, the runners that compute it, and the networks that are trained into one."""
