-- Whether its visitor was new to the link on that day, fixed when the click is stored, so that whoever counts single clicks need not look
-- at the visitors. Null: stored before this was written down, or by a process that does not know it; then visitors tells.
-- Nothing is rewritten.
alter table clicks add column new_visitor boolean;
