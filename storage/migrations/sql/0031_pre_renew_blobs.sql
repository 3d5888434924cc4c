-- Bytes have a row from their announcement on, so that those which nobody ever refers to are found.
-- Nothing is deleted that was announced a short while ago: so an upload may ask a slow bucket
-- without holding a row, and be sure of the answer.

ALTER TABLE blobs
    ADD COLUMN has_arrived boolean NOT NULL DEFAULT true,  -- else its size is what somebody said
    ADD COLUMN renewed_at timestamptz NOT NULL DEFAULT now();  -- announced last, or committed
