-- The peers' own wrk script (POST_SCRIPT), with the cookie of one visitor (COOKIE) added to every request.
local format = wrk.format
wrk.format = function(method, path, headers, body)
  if headers then headers["Cookie"] = os.getenv("COOKIE") end
  return format(method, path, headers, body)
end
dofile(os.getenv("POST_SCRIPT"))
