-- wrk prints no p99.9 and rounds: these are its own figures in whole microseconds.
function done(summary, latency, requests)
   for _, level in ipairs({50, 90, 99, 99.9}) do
      print(string.format("velroload-bench p%g %d", level, latency:percentile(level)))
   end
   print(string.format("velroload-bench max %d", latency.max))
end
