-- Times of recurring timers that pass while nothing can run: 'once' for all of them together, 'skip', or
-- 'all' one by one.
ALTER TABLE timer ADD COLUMN missed TEXT NOT NULL DEFAULT 'once';
